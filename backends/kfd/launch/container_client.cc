#include "backends/kfd/launch/container_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// By the file names of their programs. Apptainer is none: its container is its child.
constexpr std::array<std::string_view, 5> kClients = {"docker", "podman", "nerdctl", "ctr",
                                                      "kubectl"};
/// Their commands after which something runs in a container.
constexpr std::array<std::string_view, 4> kCommands = {"run", "exec", "start", "up"};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find('\0'), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace

std::string container_client(Os& os, const std::string& proc, const std::vector<Pid>& pids) {
  for (const Pid pid : pids) {
    const auto line = os.read_file(fmt::format("{}/{}/cmdline", proc, pid));
    const std::vector<std::string_view> words =
        words_of(line ? std::string_view(*line) : std::string_view());
    if (words.empty()) {
      continue;
    }
    const std::string_view program = words.front().substr(words.front().rfind('/') + 1);
    const auto command =
        std::find_first_of(words.begin() + 1, words.end(), kCommands.begin(), kCommands.end());
    if (std::ranges::find(kClients, program) != kClients.end() && command != words.end()) {
      return fmt::format("pid {} (`{} {}`)", pid, program, *command);
    }
  }
  return {};
}

}  // namespace gpreempt::kfd
