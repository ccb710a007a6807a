#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/time.h"
#include "experiments/verdict.h"

/// What a process's queues did from before its start until after its end. No I/O.
namespace gpreempt::experiments {

enum class LifeStage { kBefore, kAlive, kGone };

/// What mqds and hqds show at one time.
struct HardwareCounts {
  std::size_t descriptors = 0;      ///< of the process's compute queues
  std::size_t slots = 0;            ///< that they are in
  std::size_t not_one_per_xcc = 0;  ///< of them: not in exactly one slot of each XCC
  std::size_t all_descriptors = 0;  ///< of compute queues of all processes
  std::size_t all_slots = 0;        ///< active compute slots of the machine
};

/// One look.
struct LifeSample {
  Duration at{};       ///< from the model's start; negative before it
  std::string when{};  ///< instead of `at`, where that is not known; otherwise empty
  LifeStage stage = LifeStage::kAlive;
  std::size_t compute = 0;  ///< queues of the process as the backend knows them
  std::size_t sdma = 0;
  std::optional<HardwareCounts> hardware;  ///< nullopt: this world does not show it
};

struct LifeEvidence {
  /// From before the launch until its queues are known; nullopt: nobody measured it.
  std::optional<Duration> identified;
  std::vector<QueueInfo> first;       ///< as known then, oldest first
  std::string no_ids{};               ///< why their ids are not known; empty: they are
  std::vector<LifeSample> samples;    ///< in order
  std::optional<Duration> destroyed;  ///< from exit() until it is known to be gone; as `identified`
  std::string no_view;                ///< why the hardware's view is missing; empty: it is there
  std::uint32_t xccs = 0;             ///< of a GPU
};

/// identified, creation-order, count-is-stable, one-slot-per-xcc, timeline, gone-after-exit.
/// Shape: a sample of each stage at least.
[[nodiscard]] std::vector<Verdict> judge_lifecycle(const LifeEvidence& life);

}  // namespace gpreempt::experiments
