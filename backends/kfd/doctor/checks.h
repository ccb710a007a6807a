#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/doctor.h"

/// The checks by subject. A check returns what it found without its own id; none if its question
/// does not arise.
namespace gpreempt::kfd::doctor {

using Findings = std::vector<Finding>;

struct Check {
  std::string_view id;
  Findings (*run)(Box& box);
};

[[nodiscard]] std::span<const Check> driver_checks();      ///< the device and its driver
[[nodiscard]] std::span<const Check> parameter_checks();   ///< the module's parameters
[[nodiscard]] std::span<const Check> gpu_checks();         ///< each GPU
[[nodiscard]] std::span<const Check> device_checks();      ///< each GPU's PCI device
[[nodiscard]] std::span<const Check> permission_checks();  ///< what this process may do
[[nodiscard]] std::span<const Check> box_checks();         ///< the machine around it
[[nodiscard]] std::span<const Check> target_checks();      ///< the process of `DoctorOptions::pid`

/// What `judge` says about each GPU; nothing if there is none, which the check of `gpus` reports.
[[nodiscard]] Findings for_each_gpu(Box& box, Finding (*judge)(Box& box, const Box::Gpu& gpu));

inline constexpr std::string_view kDriver = "driver";
inline constexpr std::string_view kMachine = "machine";
inline constexpr std::string_view kDoctor = "this process";

[[nodiscard]] Finding ok(std::string_view subject, std::string reason);
[[nodiscard]] Finding note(std::string_view subject, std::string reason, std::string fix = {});
[[nodiscard]] Finding unknown(std::string_view subject, std::string reason, std::string fix);
[[nodiscard]] Finding warning(std::string_view subject, std::string reason, std::string fix);
[[nodiscard]] Finding blocked(std::string_view subject, std::string reason, std::string fix);

}  // namespace gpreempt::kfd::doctor
