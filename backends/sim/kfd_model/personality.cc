#include "backends/sim/kfd_model/personality.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/nearest.h"

namespace gpreempt::sim {
namespace {

constexpr std::array<Personality, 4> kPersonalities = {{
    {.name = "dkms-6.12.12", .debugger_process_counts = false, .unknown_ioctl_is_invalid = true},
    {.name = "upstream-6.12.95",
     .debugger_process_counts = false,
     .has_xnack_mode = false,
     .mqds_has_pasid = true},
    {.name = "upstream-6.12.107",
     .debugger_process_counts = true,
     .second_destroy_is_busy = true,
     .has_xnack_mode = false,
     .mqds_has_pasid = true},
    {.name = "upstream-7.3",
     .debugger_process_counts = true,
     .second_destroy_is_busy = true,
     .enable_fault_undoes = true,
     .minor_version = 23,
     .first_unknown_ioctl = 0x29,
     .device_entry_bytes = 128,
     .dequeue_retry_units = 1},
}};

constexpr Personality kPatched = {.name = "dkms-6.12.12-pid-ids",
                                  .debugger_process_counts = false,
                                  .unknown_ioctl_is_invalid = true,
                                  .ids_from_pid = true};

}  // namespace

std::span<const Personality> personalities() { return kPersonalities; }

const Personality& patched_personality() { return kPatched; }

Result<Personality> find_personality(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Personality& personality : kPersonalities) {
    if (personality.name == name) {
      return personality;
    }
    names.push_back(personality.name);
  }
  if (name == kPatched.name) {
    return kPatched;
  }
  names.push_back(kPatched.name);
  return fail(Errc::kInvalidArgument,
              fmt::format("driver personality '{}': unknown{}", name, suggestion(name, names)));
}

}  // namespace gpreempt::sim
