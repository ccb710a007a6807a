#include "backends/kfd/launch/container_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/whole_number.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

using Words = std::span<const std::string_view>;

/// By the file names of their programs. Apptainer is none: its container is its child.
constexpr std::array<std::string_view, 6> kClients = {
    "docker", "docker-compose", "podman", "nerdctl", "ctr", "kubectl"};
/// Their words after which the next one is the command.
constexpr std::array<std::string_view, 2> kGroups = {"compose", "container"};
/// Their commands that something runs in a container for, and that end with it.
constexpr std::array<std::string_view, 3> kCommands = {"run", "exec", "up"};

struct Process {
  Pid parent;
  std::string client;  ///< "`docker run`"; empty: it is none
};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find('\0'), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

template <std::size_t Size>
bool is_one_of(const std::array<std::string_view, Size>& names, std::string_view word) {
  return std::ranges::find(names, word) != names.end();
}

/// "-d" or another of `letters`, in a word with others of `all`.
bool has_letter(std::string_view word, std::string_view letters, std::string_view all) {
  return word.size() > 1 && word.front() == '-' &&
         word.find_first_not_of(all, 1) == std::string_view::npos &&
         word.find_first_of(letters, 1) != std::string_view::npos;
}

/// Whether a command with these words after it stays as long as its container.
bool stays(std::string_view command, Words after) {
  if (command == "start") {
    return std::ranges::any_of(after, [](std::string_view word) {
      return has_letter(word, "ai", "ai") || word.starts_with("--attach") ||
             word.starts_with("--interactive");
    });
  }
  return is_one_of(kCommands, command) && std::ranges::none_of(after, [](std::string_view word) {
           return has_letter(word, "d", "ditP") || word == "--detach" || word == "--detach=true";
         });
}

std::string client_of(std::string_view line) {
  const std::vector<std::string_view> words = words_of(line);
  const std::string_view path = words.empty() ? std::string_view() : words.front();
  const std::string_view program = path.substr(path.rfind('/') + 1);
  if (!is_one_of(kClients, program)) {
    return {};
  }
  const auto is_word = [](std::string_view word) { return !word.starts_with('-'); };
  auto command = std::find_if(words.begin() + 1, words.end(), is_word);
  std::string name(program);
  if (command != words.end() && is_one_of(kGroups, *command)) {
    name += fmt::format(" {}", *command);
    command = std::find_if(command + 1, words.end(), is_word);
  }
  return command != words.end() && stays(*command, Words(command + 1, words.end()))
             ? fmt::format("`{} {}`", name, *command)
             : std::string();
}

/// Those of `pids` that have not ended.
std::map<Pid, Process> look_at(Os& os, const std::string& proc, const std::vector<Pid>& pids) {
  std::map<Pid, Process> found;
  for (const Pid pid : pids) {
    const auto status = read_process_status(os, proc, fmt::format("{}", pid));
    const std::string state = status ? value_of(*status, "State") : "Z";
    const auto line = os.read_file(fmt::format("{}/{}/cmdline", proc, pid));
    if (line && !state.starts_with('Z') && !state.starts_with('X')) {
      const auto parent = whole_number<std::int32_t>(value_of(*status, "PPid"));
      found[pid] = {.parent = Pid(parent.value_or(0)), .client = client_of(*line)};
    }
  }
  return found;
}

/// The client that `leaf` is or descends from; 0: there is none.
Pid client_above(const std::map<Pid, Process>& tree, Pid leaf) {
  auto each = tree.find(leaf);
  for (std::size_t steps = 0; steps < tree.size() && each != tree.end(); ++steps) {
    if (!each->second.client.empty()) {
      return each->first;
    }
    each = tree.find(each->second.parent);
  }
  return Pid(0);
}

}  // namespace

std::string container_client(Os& os, const std::string& proc, const std::vector<Pid>& pids) {
  const std::map<Pid, Process> tree = look_at(os, proc, pids);
  std::string first;
  for (const auto& [pid, process] : tree) {
    const bool is_leaf = std::ranges::none_of(
        tree, [leaf = pid](const auto& each) { return each.second.parent == leaf; });
    const Pid client = is_leaf ? client_above(tree, pid) : Pid(0);
    if (is_leaf && client == Pid(0)) {
      return {};
    }
    if (is_leaf && first.empty()) {
      first = fmt::format("pid {} ({})", client, tree.at(client).client);
    }
  }
  return first;
}

}  // namespace gpreempt::kfd
