#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

/// Identifiers that cannot be mixed up: explicit to make, ordered, hashable, printable, no
/// arithmetic.
namespace gpreempt {

template <class Tag, class Rep>
class StrongId {
 public:
  using rep = Rep;
  constexpr StrongId() = default;
  explicit constexpr StrongId(Rep value) : value_(value) {}
  [[nodiscard]] constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  Rep value_{};
};

/// Process id in the caller's pid namespace.
using Pid = StrongId<struct PidTag, std::int32_t>;
/// KFD gpu_id: a hash, not an index (sysfs prints it in decimal, debugfs in hex).
using GpuId = StrongId<struct GpuTag, std::uint32_t>;
/// Our own handle of a queue, never reused while a backend lives. KFD's per-process id, which is
/// reused at once, stands beside it in `QueueInfo::kernel_id`.
using QueueId = StrongId<struct QueueTag, std::uint32_t>;
/// A process a backend was asked to attach to.
using TargetId = StrongId<struct TargetTag, std::uint32_t>;
/// One asynchronous request to a backend.
using RequestId = StrongId<struct RequestTag, std::uint64_t>;
/// A tenant: a set of (process, GPU) members that is scheduled as one.
using TenantId = StrongId<struct TenantTag, std::uint32_t>;

}  // namespace gpreempt

template <class Tag, class Rep>
struct std::hash<gpreempt::StrongId<Tag, Rep>> {
  std::size_t operator()(gpreempt::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};

template <class Tag, class Rep>
struct fmt::formatter<gpreempt::StrongId<Tag, Rep>> : fmt::formatter<Rep> {
  template <class Context>
  auto format(gpreempt::StrongId<Tag, Rep> id, Context& context) const {
    return fmt::formatter<Rep>::format(id.value(), context);
  }
};
