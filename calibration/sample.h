#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What a client can see of one suspend and its resume: the raw material of a calibration.
namespace gpreempt::calibration {

/// When the firmware saved and restored the waves of the process, from the descriptors of its
/// queues: nanoseconds of the GPU's own clock, whose rate and zero are not the host's.
/// Source: dwords 98 to 105 of an MQD (v9_structs.h).
struct SaveStamps {
  std::int64_t save_start = 0;
  std::int64_t save_end = 0;
  std::int64_t restore_start = 0;
  std::int64_t restore_end = 0;
  bool operator==(const SaveStamps&) const = default;
};

/// The parts of a suspend that a driver may tell: issue, lock, unmap, save, map, copy. No GPU's
/// driver does; calibration does not use them.
inline constexpr std::size_t kParts = 6;
inline constexpr std::array<std::string_view, kParts> kPartNames = {"issue", "lock", "unmap",
                                                                    "save",  "map",  "copy"};

/// One suspend of a process and the resume after it. Times are nanoseconds of the backend's clock.
struct CallSample {
  std::string place;             ///< what was running; a process of its own
  std::uint32_t repetition = 0;  ///< within the place and the grace period, from 0
  bool first = false;            ///< the process's first suspend, which may move save areas
  std::uint32_t gpus = 1;        ///< on which the process has queues
  std::uint32_t xccs = 1;        ///< of each
  std::uint32_t queues = 0;      ///< compute queues of the process
  /// Of all processes on its GPU: how many there are, and active queues besides those of the
  /// process.
  std::uint32_t processes = 1;
  std::uint32_t others = 0;
  /// Waves on the GPU when nothing is suspended: of the process, and of the others.
  std::uint32_t waves = 0;
  std::uint32_t other_waves = 0;
  /// In units of 1000 clocks; nullopt: the driver's default.
  std::optional<std::uint32_t> grace_units;
  std::int64_t longest_grace_ns = 0;  ///< 255 units, as the backend accepts them
  std::int64_t issued_ns = 0;         ///< of the suspend
  std::int64_t suspend_ns = 0;
  std::int64_t resume_ns = 0;
  /// Wave state of all queues of the GPUs; nullopt: it cannot be seen.
  std::optional<std::uint64_t> suspend_bytes;
  std::optional<std::uint64_t> resume_bytes;
  /// How long another process's kernel, which stamps the time, made no stamp; nullopt: there was
  /// none.
  std::optional<std::int64_t> suspend_gap_ns;
  std::optional<std::int64_t> resume_gap_ns;
  std::optional<SaveStamps> stamps;  ///< nullopt: not read, or missing
  std::array<std::optional<std::int64_t>, kParts> parts{};
  bool operator==(const CallSample&) const = default;
};

/// Units of the longest grace period that the hardware holds; one unit is 1000 clocks.
/// Source: SCH_WAVE of CP_IQ_WAIT_TIME2.
inline constexpr std::uint32_t kLongestGraceUnits = 255;
inline constexpr double kClocksPerGraceUnit = 1000;
/// The driver's default grace period. Source: CP_IQ_WAIT_TIME2 0x40404040.
inline constexpr double kDefaultGraceUnits = 64;

}  // namespace gpreempt::calibration
