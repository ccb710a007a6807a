#include "experiments/saved_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "backends/kfd/debugfs/mqds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "experiments/hardware_view.h"

namespace gpreempt::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRun = "_run_";
constexpr std::string_view kModel = "model_";
constexpr std::string_view kConcurrent = "concurrent_run_";

/// Entries of a folder, by name.
Result<std::vector<fs::path>> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(at->path());
  }
  if (error) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read saved runs in {}: {}; name the folder that holds model_a_run_1",
                            folder.string(), error.message()));
  }
  std::ranges::sort(entries);
  return entries;
}

}  // namespace

std::string run_folder_name(std::string_view model, std::size_t number) {
  return fmt::format("{}{}{}{}", kModel, model, kRun, number);
}

std::string concurrent_folder_name(std::size_t number) {
  return fmt::format("{}{}", kConcurrent, number);
}

std::string number_file_name(std::string_view model, std::string_view what) {
  return fmt::format("{}{}_{}.txt", kModel, model, what);
}

Result<std::vector<SavedRun>> runs_alone(const fs::path& folder) {
  std::vector<fs::path> entries;
  GPREEMPT_TRY(store(entries, entries_of(folder)));
  std::vector<SavedRun> runs;
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    const std::size_t end = name.find(kRun);
    if (name.starts_with(kModel) && end != std::string::npos && end > kModel.size()) {
      runs.push_back({.folder = entry, .model = name.substr(kModel.size(), end - kModel.size())});
    }
  }
  return runs;
}

Result<std::vector<fs::path>> concurrent_runs(const fs::path& folder) {
  std::vector<fs::path> entries;
  GPREEMPT_TRY(store(entries, entries_of(folder)));
  std::erase_if(entries, [](const fs::path& entry) {
    return !entry.filename().string().starts_with(kConcurrent);
  });
  return entries;
}

Result<std::vector<fs::path>> dumps_of(const fs::path& run, std::string_view kind,
                                       std::string_view stage) {
  std::vector<fs::path> entries;
  GPREEMPT_TRY(store(entries, entries_of(run)));
  std::erase_if(entries, [&](const fs::path& entry) {
    const std::string name = entry.filename().string();
    return name.find(kind) == std::string::npos || name.find(stage) == std::string::npos ||
           name.find("summary") != std::string::npos;
  });
  return entries;
}

Error no_mqds(const fs::path& run, std::string_view stage) {
  return {.code = Errc::kInvalidArgument,
          .sys_errno = 0,
          .what = fmt::format("read the run {}: no file has 'mqd' and '{}' in its name; save "
                              "/sys/kernel/debug/kfd/mqds under such a name",
                              run.string(), stage)};
}

Result<kfd::debugfs::MqdsDump> last_mqds(const fs::path& run, std::string_view stage) {
  std::vector<fs::path> files;
  GPREEMPT_TRY(store(files, dumps_of(run, "mqd", stage)));
  if (files.empty()) {
    return tl::unexpected<Error>(no_mqds(run, stage));
  }
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(files.back())));
  return kfd::debugfs::parse_mqds(text, files.back().string());
}

Result<HardwareView> read_view(const fs::path& mqds, const fs::path& hqds) {
  HardwareTexts texts{
      .mqds = {}, .hqds = {}, .mqds_name = mqds.string(), .hqds_name = hqds.string()};
  GPREEMPT_TRY(store(texts.mqds, read_text_file(mqds)));
  if (!hqds.empty()) {
    GPREEMPT_TRY(store(texts.hqds, read_text_file(hqds)));
  }
  return view_of(texts, {.is_stock = true, .reason = {}});
}

Result<std::optional<std::int32_t>> number_beside(const fs::path& run, std::string_view model,
                                                  std::string_view what) {
  const fs::path file = run / number_file_name(model, what);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    return std::optional<std::int32_t>{};
  }
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc{} || number < 0 ||
      rest.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    return fail(Errc::kParse, fmt::format("{}:1:1: reading a {}: '{}' is none; write one number",
                                          file.string(), what, text.substr(0, text.find('\n'))));
  }
  return std::optional<std::int32_t>(number);
}

std::set<Pid> processes_of(const kfd::debugfs::MqdsDump& dump) {
  std::set<Pid> pids;
  for (const kfd::debugfs::MqdsProcess& process : dump) {
    if (!process.queues.empty()) {
      pids.emplace(static_cast<std::int32_t>(process.pid));
    }
  }
  return pids;
}

std::set<Pid> processes_before(const fs::path& run) {
  const Result<kfd::debugfs::MqdsDump> before = last_mqds(run, "before");
  return before ? processes_of(*before) : std::set<Pid>{};
}

Result<Pid> process_of(const SavedRun& run, const std::set<Pid>& there,
                       const std::set<Pid>& others) {
  std::optional<std::int32_t> named;
  GPREEMPT_TRY(store(named, number_beside(run.folder, run.model, "pid")));
  if (named) {
    return there.contains(Pid(*named))
               ? Result<Pid>(Pid(*named))
               : fail(Errc::kInvalidArgument,
                      fmt::format(
                          "read the run {}: the dump has no process {}, which is to be model "
                          "{}; a pid of a container is another one, see NSpid in "
                          "/proc/PID/status",
                          run.folder.string(), *named, run.model));
  }
  std::vector<Pid> fresh;
  std::ranges::set_difference(there, others, std::back_inserter(fresh));
  if (fresh.size() != 1) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read the run {}: {} processes could be model {}; write its pid into "
                            "{}",
                            run.folder.string(), fresh.size(), run.model,
                            number_file_name(run.model, "pid")));
  }
  return fresh.front();
}

}  // namespace gpreempt::experiments
