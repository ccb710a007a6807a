#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "experiments/hardware_view.h"
#include "experiments/mqd_priority.h"
#include "experiments/saved_dumps.h"
#include "experiments/saved_folder.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

namespace fs = std::filesystem;

/// Adds what the last look at the run shows, if it says what was asked for.
Result<void> read_run(const SavedRun& run, std::map<std::uint32_t, PriorityWords>& found) {
  std::optional<std::int32_t> priority;
  GPREEMPT_TRY(store(priority, number_beside(run.folder, run.model, "priority")));
  if (!priority) {
    return {};
  }
  std::vector<fs::path> mqds;
  std::vector<fs::path> hqds;
  GPREEMPT_TRY(store(mqds, dumps_of(run.folder, "mqd", "during")));
  GPREEMPT_TRY(store(hqds, dumps_of(run.folder, "hqd", "during")));
  if (mqds.empty()) {
    return tl::unexpected<Error>(no_mqds(run.folder, "during"));
  }
  HardwareView view;
  GPREEMPT_TRY(store(view, read_view(mqds.back(), hqds.empty() ? fs::path() : hqds.back())));
  Pid pid;
  GPREEMPT_TRY(store(pid, process_of(run, processes_of(view), processes_before(run.folder))));
  PriorityWords& words = found[static_cast<std::uint32_t>(*priority)];
  add_words(view, pid, words);
  words.no_slots = hqds.empty() ? "there is no dump of hqds beside that of mqds" : "";
  return {};
}

}  // namespace

Result<std::vector<Verdict>> judge_saved_priority(const fs::path& folder) {
  std::vector<SavedRun> runs;
  GPREEMPT_TRY(store(runs, runs_alone(folder)));
  std::map<std::uint32_t, PriorityWords> found;
  for (const SavedRun& run : runs) {
    GPREEMPT_TRY(read_run(run, found));
  }
  if (found.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read saved runs in {}: none says which priority its streams asked "
                            "for; write KFD's number (HIP: 0, 7, 11) into "
                            "model_NAME_run_N/model_NAME_priority.txt",
                            folder.string()));
  }
  std::vector<Verdict> verdicts;
  for (const char* const name : {"priority/preempts", "priority/passes-the-backlog"}) {
    verdicts.push_back(
        unavailable(name, "dumps have no waits of kernels; run it where programs run"));
  }
  for (const auto& [priority, words] : found) {
    judge_words(priority, words, verdicts);
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
