#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibration/sample.h"

/// The model's formulas as linear equations: what each observation is made of.
namespace gpreempt::calibration {

/// A cost of the model, by the name that docs/model.md gives it. Nanoseconds; those by the byte are
/// nanoseconds for 10^6 bytes.
enum class Cost : std::uint8_t {
  kIoctl,
  kHiq,
  kGrace,  ///< the default grace period, 64 units
  kStop,
  kFence,
  kBuild,
  kBuildEntry,
  kCopy,
  kCopyEntry,
  kMap,
  kMapProcess,
  kMapQueue,
  kDequeue,
  kRelaunch,
  kSaveByte,    ///< where save areas are in the GPU's memory
  kSystemByte,  ///< where they are in system memory
  kUnmodelled,  ///< whatever an unmap takes besides, once a call
};
inline constexpr std::size_t kCosts = 17;
/// "t_hiq", "save_time", "system_time", "unmodelled".
[[nodiscard]] std::string_view to_string(Cost cost);

/// A weight, or a value, for each cost.
using Costs = std::array<double, kCosts>;
[[nodiscard]] inline double& at(Costs& costs, Cost cost) {
  return costs.at(static_cast<std::size_t>(cost));
}
[[nodiscard]] inline double at(const Costs& costs, Cost cost) {
  return costs.at(static_cast<std::size_t>(cost));
}
[[nodiscard]] double dot(const Costs& a, const Costs& b);

/// What is observed.
enum class Seen : std::uint8_t {
  kSuspend,
  kResume,
  kResumeOfEmpty,  ///< the GPU had nothing to unmap
  kGap,            ///< of a heartbeat, for a suspend
  kSave,           ///< by the stamps
  kRestore,
};
inline constexpr std::size_t kSeen = 6;
/// "suspend", "resume", "resume of an empty GPU", "gap", "save", "restore".
[[nodiscard]] std::string_view to_string(Seen seen);

/// One observation: seen_ns = known_ns + terms . costs + noise.
struct Equation {
  Seen seen = Seen::kSuspend;
  Costs terms{};
  double known_ns = 0;
  double seen_ns = 0;
};

/// Where a place's save areas are. It shows in the time that a save takes by the byte only.
enum class Area : std::uint8_t { kLocal, kSystem, kUnknown };

/// What must be known of a bundle before its equations can be written.
struct Setup {
  double gpu_clock_rate = 1;          ///< of the GPU's clock against the host's
  std::map<std::string, Area> areas;  ///< by place; a place that is not here is kUnknown
};

/// Bytes per second below which waves cannot have gone to a GPU's memory, nor above it over a bus:
/// between the fastest bus (PCIe 5 x16, 0.06 TB/s) and the slowest HBM of these GPUs (1 TB/s), at
/// the geometric mean.
inline constexpr double kBusOrMemory = 0.25e12;

/// Where the save areas of each place are, by the median over its stamps. Places without a stamp of
/// a save are absent.
[[nodiscard]] std::map<std::string, Area> areas_of(std::span<const CallSample> samples);

/// The equations of a sample. Empty if it is not one that the formulas are for: a first suspend, a
/// call over several GPUs (their noises add up), waves that ended within the grace period (then the
/// time is theirs), or a place whose save areas are nowhere known.
[[nodiscard]] std::vector<Equation> equations_of(const CallSample& sample, const Setup& setup);

}  // namespace gpreempt::calibration
