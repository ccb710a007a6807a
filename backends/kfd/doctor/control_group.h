#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "backends/kfd/doctor/box.h"

namespace gpreempt::kfd::doctor {

/// The control group by which a process is frozen.
struct ControlGroup {
  std::string mount;  ///< where its hierarchy is: "/sys/fs/cgroup", v1: "/sys/fs/cgroup/freezer"
  std::string path;   ///< from there, "/" at the top
};

/// Of /proc/WHO/cgroup; the error is a sentence. Source: cgroups(7).
[[nodiscard]] tl::expected<ControlGroup, std::string> control_group(Box& box, std::string_view who);

/// Whether it is the machine's root group, which is never frozen; "/" of a container's own
/// namespace is not. nullopt where that cannot be seen.
[[nodiscard]] std::optional<bool> is_root_group(Box& box, const ControlGroup& group);

}  // namespace gpreempt::kfd::doctor
