#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "backends/kfd/debugfs/fields.h"
#include "core/error.h"
#include "core/time.h"

/// What context save and restore left behind: the header in a queue's save area, and the times that
/// the firmware writes into an MQD.
namespace gpreempt::kfd::debugfs {

/// The begin of a queue's save area on one XCC. SUSPEND_QUEUES writes its first four numbers for
/// every queue of the process, also for those that it did not suspend: it proves nothing about
/// whether a queue is suspended.
/// Source: struct kfd_context_save_area_header, kfd_ioctl.h; get_wave_state_v9_4_3 of
/// kfd_mqd_manager_v9.c.
struct CwsrHeader {
  static constexpr std::size_t kBytes = 40;

  std::uint32_t control_stack_offset = 0;  ///< of its first byte in the area
  std::uint32_t control_stack_bytes = 0;
  std::uint32_t wave_state_offset = 0;  ///< of the byte after its last one
  std::uint32_t wave_state_bytes = 0;
  // The rest is the runtime's.
  std::uint32_t debug_offset = 0;
  std::uint32_t debug_bytes = 0;
  std::uint64_t error_payload_address = 0;
  std::uint32_t error_event_id = 0;

  /// Bytes that the last unmap saved on this XCC; 0 if no wave was on it.
  [[nodiscard]] std::uint64_t saved_bytes() const {
    return std::uint64_t{control_stack_bytes} + wave_state_bytes;
  }
  bool operator==(const CwsrHeader&) const = default;
};

/// Where the header of one XCC is. `area_bytes` is what CREATE_QUEUE and the snapshot call the save
/// area's size: that of one XCC.
[[nodiscard]] constexpr std::uint64_t cwsr_header_address(std::uint64_t save_area,
                                                          std::uint64_t area_bytes,
                                                          std::uint32_t xcc) {
  return save_area + area_bytes * xcc;
}

/// Reads a header out of the memory of the queue's owner. `area_bytes` as above.
/// Errors: kInvalidArgument (fewer than 40 bytes), kParse (both parts cannot lie in the area as it
/// says: nothing was saved there yet, or it is no save area).
[[nodiscard]] Result<CwsrHeader> decode_cwsr_header(std::span<const std::byte> memory,
                                                    std::uint64_t area_bytes);

/// When the firmware saved and restored a queue's waves last, on one XCC. Every unmap of the GPU
/// does so, whoever asked for it. In ticks of the GPU's reference clock, which is a reading of the
/// driver and was not measured.
/// Source: cp_mqd_save_start_time_lo and what follows it, struct v9_mqd, v9_structs.h.
struct SaveTimes {
  std::uint64_t save_start = 0;
  std::uint64_t save_end = 0;
  std::uint64_t restore_start = 0;
  std::uint64_t restore_end = 0;

  /// nullopt: there is no such interval: it never happened, or is under way.
  [[nodiscard]] std::optional<std::uint64_t> save_ticks() const {
    return interval(save_start, save_end);
  }
  [[nodiscard]] std::optional<std::uint64_t> restore_ticks() const {
    return interval(restore_start, restore_end);
  }
  bool operator==(const SaveTimes&) const = default;

 private:
  static std::optional<std::uint64_t> interval(std::uint64_t start, std::uint64_t end) {
    return start != 0 && end >= start ? std::optional(end - start) : std::nullopt;
  }
};

[[nodiscard]] SaveTimes save_times(std::span<const std::uint32_t, kMqdDwords> mqd);

/// Of the GPU's reference clock (REFCLK, gfx9). That these times are in its ticks is a reading of
/// the driver and was not measured.
inline constexpr std::uint64_t kReferenceHertz = 100'000'000;

/// Ticks of a clock as time, to the nearest nanosecond.
/// Shape: `hertz` is not 0, and the time is one that a `Duration` holds.
[[nodiscard]] Duration ticks_to_duration(std::uint64_t ticks, std::uint64_t hertz);

}  // namespace gpreempt::kfd::debugfs
