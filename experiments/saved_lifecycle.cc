#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/queue_join.h"
#include "config/document.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "core/units.h"
#include "experiments/hardware_view.h"
#include "experiments/lifecycle_rule.h"
#include "experiments/saved_dumps.h"
#include "experiments/saved_folder.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

namespace fs = std::filesystem;

/// A look whose files are read.
struct SavedLook {
  LifeSample sample;
  HardwareView view;
};

struct Stage {
  LifeStage stage;
  std::string_view word;
  bool is_needed;
};
constexpr auto kStages =
    std::to_array<Stage>({{.stage = LifeStage::kBefore, .word = "before", .is_needed = false},
                          {.stage = LifeStage::kAlive, .word = "during", .is_needed = true},
                          {.stage = LifeStage::kGone, .word = "after", .is_needed = true}});

/// When a file was saved, as its name says.
void set_time(LifeSample& sample, const fs::path& file) {
  const std::string stem = file.stem().string();
  const std::string word = stem.substr(stem.rfind('_') + 1);
  if (word.starts_with("T+") || word.starts_with("T-")) {
    if (const Result<Duration> at = parse_duration(word.substr(2))) {
      sample.at = word[1] == '-' ? -*at : *at;
      return;
    }
  }
  sample.when = stem;
}

/// The looks of one stage. Either all of them have a dump of hqds, or none.
Result<std::vector<SavedLook>> looks_of(const SavedRun& run, const Stage& stage) {
  std::vector<fs::path> mqds;
  std::vector<fs::path> hqds;
  GPREEMPT_TRY(store(mqds, dumps_of(run.folder, "mqd", stage.word)));
  GPREEMPT_TRY(store(hqds, dumps_of(run.folder, "hqd", stage.word)));
  if (mqds.empty() && stage.is_needed) {
    return tl::unexpected<Error>(no_mqds(run.folder, stage.word));
  }
  if (!hqds.empty() && hqds.size() != mqds.size()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read the run {}: it has {} dumps of mqds '{}' and {} of hqds; save "
                            "both at each look, or no hqds",
                            run.folder.string(), mqds.size(), stage.word, hqds.size()));
  }
  std::vector<SavedLook> looks;
  for (std::size_t i = 0; i < mqds.size(); ++i) {
    SavedLook& look = looks.emplace_back();
    look.sample.stage = stage.stage;
    set_time(look.sample, mqds[i]);
    GPREEMPT_TRY(store(look.view, read_view(mqds[i], hqds.empty() ? fs::path() : hqds[i])));
    if (!hqds.empty()) {
      look.sample.hardware.emplace();
    }
  }
  return looks;
}

/// The process's queues as the first look at it has them, oldest first.
void set_first(LifeEvidence& life, const std::vector<kfd::QueueRow>& rows, Pid pid) {
  for (const kfd::QueueRow& row : rows) {
    if (row.pid != pid) {
      continue;
    }
    if (!row.name.id) {
      life.no_ids = "the dumps have no ids, and they cannot be inferred: " + row.name.reason;
    }
    life.first.insert(
        life.first.begin(),
        {.gpu = row.gpu, .kernel_id = row.name.id.value_or(0), .type = row.type, .role = row.role});
    life.xccs = std::max(life.xccs, static_cast<std::uint32_t>(row.mqd_bases.size()));
  }
}

}  // namespace

Result<LifeEvidence> read_saved_life(const SavedRun& run) {
  std::vector<SavedLook> looks;
  for (const Stage& stage : kStages) {
    std::vector<SavedLook> more;
    GPREEMPT_TRY(store(more, looks_of(run, stage)));
    std::ranges::move(more, std::back_inserter(looks));
  }
  const auto alive = std::ranges::find(looks, LifeStage::kAlive,
                                       [](const SavedLook& look) { return look.sample.stage; });
  GPREEMPT_CHECK(alive != looks.end());
  Pid pid;
  GPREEMPT_TRY(
      store(pid, process_of(run, processes_of(alive->view), processes_before(run.folder))));
  LifeEvidence life;
  set_first(life, alive->view.rows, pid);
  for (SavedLook& look : looks) {
    for (const kfd::QueueRow& row : look.view.rows) {
      if (row.pid == pid && look.sample.stage != LifeStage::kBefore) {
        ++(row.type == QueueType::kCompute ? look.sample.compute : look.sample.sdma);
      }
    }
    if (look.sample.hardware) {
      look.sample.hardware = counts_of(look.view, pid, life.xccs);
    } else {
      life.no_view = "not every look has a dump of hqds";
    }
    life.samples.push_back(std::move(look.sample));
  }
  return life;
}

Result<std::vector<Verdict>> judge_saved_lifecycle(const fs::path& folder) {
  std::vector<SavedRun> runs;
  GPREEMPT_TRY(store(runs, runs_alone(folder)));
  if (runs.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read saved runs in {}: it has no folder model_NAME_run_N; name the "
                            "folder that holds them",
                            folder.string()));
  }
  std::vector<Verdict> verdicts;
  for (const SavedRun& run : runs) {
    std::vector<Verdict> more;
    GPREEMPT_TRY(store(more, read_saved_life(run).map(judge_lifecycle)));
    for (Verdict& verdict : more) {
      verdict.name += runs.size() > 1 ? "/" + run.folder.filename().string() : "";
      verdicts.push_back(std::move(verdict));
    }
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
