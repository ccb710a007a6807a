#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/ids.h"
#include "experiments/verdict.h"

/// Whether queue ids can be known beforehand: what follows from ids that were seen. No I/O.
namespace gpreempt::experiments {

/// A queue of one process as it was seen.
struct SeenQueue {
  GpuId gpu;
  std::uint32_t id = 0;  ///< KFD's, of its process
  QueueType type = QueueType::kCompute;
  QueueRole role = QueueRole::kUser;
};

/// One start of a model, while it worked.
struct ModelRun {
  Pid pid;
  std::vector<SeenQueue> queues;
};

/// The runs of one model, each in a process of its own.
struct ModelRuns {
  std::string model;
  std::vector<ModelRun> runs;
};

/// Two models at the same time, the second one started later.
struct ConcurrentRun {
  ModelRun first;
  ModelRun second;
  std::optional<ModelRun> first_alone{};  ///< before the second one came; nullopt: not looked at
};

struct QueueIdEvidence {
  std::vector<ModelRuns> alone;  ///< the models of the concurrent runs first, in their order
  std::vector<ConcurrentRun> concurrent;
  std::string driver;    ///< which driver gave the ids out
  std::string inferred;  ///< not empty: the ids were not read but inferred, and how
};

/// Ids that two sets have in common, over the size of the larger one; 1 for two empty ones.
[[nodiscard]] double overlap_of(const std::vector<std::uint32_t>& one,
                                const std::vector<std::uint32_t>& other);

/// The ids of a run's compute queues, which are those that are suspended, ascending.
[[nodiscard]] std::vector<std::uint32_t> compute_ids(const ModelRun& run);

/// The verdicts of the experiment, the strategy last. The key of a queue is (pid, id): ids are per
/// process, so that equal numbers in two processes are no conflict and priorities need not tell
/// them apart.
[[nodiscard]] std::vector<Verdict> judge_queue_ids(const QueueIdEvidence& evidence);

}  // namespace gpreempt::experiments
