#include "backends/kfd/activity.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/mutant.h"

namespace gpreempt::kfd {
namespace {

constexpr std::uint64_t kPacketBytes = 64;
/// Of a dispatch, a barrier and a vendor packet alike.
/// Source: HSA Platform System Architecture, Architected Queuing Language packets.
constexpr std::uint64_t kCompletionSignal = 56;
/// Of amd_signal_t, after its kind. Source: amd_hsa_signal.h.
constexpr std::uint64_t kSignalValue = 8;

template <class Number>
SysResult<Number> read_number(Os& os, Pid pid, std::uint64_t address) {
  Number number = 0;
  const std::array<MemoryRange, 1> range{
      MemoryRange{.address = address, .into = std::as_writable_bytes(std::span(&number, 1))}};
  const auto read = os.read_memory(pid, range);
  if (!read) {
    return tl::unexpected<SysError>(read.error());
  }
  if (*read != sizeof number) {
    return sys_fail(EFAULT);
  }
  return number;
}

/// Whether the packet before `write` is done.
SysResult<Activity> last_packet(Os& os, Pid pid, const RingPlace& place, std::uint64_t write) {
  if (write == 0 || GPREEMPT_MUTANT("signal-not-read")) {
    return Activity::kIdle;
  }
  const std::uint64_t packets = place.ring_bytes / kPacketBytes;
  if (!place.is_aql || packets == 0) {
    return Activity::kMaybeIdle;
  }
  const auto signal = read_number<std::uint64_t>(
      os, pid, place.ring_base + (write - 1) % packets * kPacketBytes + kCompletionSignal);
  if (!signal || *signal == 0) {
    return signal ? SysResult<Activity>(Activity::kMaybeIdle)
                  : tl::unexpected<SysError>(signal.error());
  }
  const auto value = read_number<std::int64_t>(os, pid, *signal + kSignalValue);
  if (!value) {
    // Freed: an application does that to a signal that it does not wait for any more.
    return value.error().number == EFAULT ? SysResult<Activity>(Activity::kMaybeIdle)
                                          : tl::unexpected<SysError>(value.error());
  }
  return *value > 0 ? Activity::kBusy : Activity::kIdle;
}

}  // namespace

void ActivityMeter::set_rings(std::span<const RingPlace> rings) {
  std::vector<Ring> made;
  for (const RingPlace& place : rings) {
    const auto known = std::ranges::find(
        rings_, place, [](const Ring& ring) -> const auto& { return ring.place; });
    made.push_back(known == rings_.end() ? Ring{.place = place} : *known);
  }
  rings_ = std::move(made);
  seen_.assign(rings_.size(), {});
  ranges_.clear();
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    const RingPlace& place = rings_[i].place;
    ranges_.push_back({.address = place.read_pointer,
                       .into = std::as_writable_bytes(std::span(&seen_[i].read, 1))});
    ranges_.push_back({.address = place.write_pointer,
                       .into = std::as_writable_bytes(std::span(&seen_[i].write, 1))});
  }
}

SysResult<Activity> ActivityMeter::poll(Os& os, Pid pid) {
  if (rings_.empty()) {
    return Activity::kIdle;
  }
  const auto read = os.read_memory(pid, ranges_);
  if (!read) {
    return tl::unexpected<SysError>(read.error());
  }
  if (*read != ranges_.size() * sizeof(std::uint64_t)) {
    return sys_fail(EFAULT);
  }
  Activity all = Activity::kIdle;
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    Ring& ring = rings_[i];
    const bool is_first = !ring.last;
    const bool is_same = ring.last == seen_[i];
    ring.last = seen_[i];
    if (!is_same) {
      ring.verdict.reset();
    }
    const bool is_read = seen_[i].read == seen_[i].write;
    const auto activity = is_read && (is_same || is_first || GPREEMPT_MUTANT("idle-after-one-poll"))
                              ? judge(os, pid, ring, seen_[i].write)
                              : Activity::kBusy;
    if (!activity) {
      return activity;
    }
    all = std::min(all, is_first ? std::min(*activity, Activity::kMaybeIdle) : *activity);
  }
  return all;
}

SysResult<Activity> ActivityMeter::judge(Os& os, Pid pid, Ring& ring, std::uint64_t write) {
  if (!ring.verdict) {
    const auto activity = last_packet(os, pid, ring.place, write);
    if (!activity || *activity == Activity::kBusy) {
      return activity;
    }
    ring.verdict = *activity;
  }
  return *ring.verdict;
}

}  // namespace gpreempt::kfd
