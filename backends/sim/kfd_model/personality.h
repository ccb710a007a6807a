#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/error.h"

namespace gpreempt::sim {

/// The rules that differ between drivers. Sources: the named kernel trees; see docs/model.md.
struct Personality {
  std::string_view name;
  /// After ENABLE any thread of the debugger's process may issue later operations (checked before
  /// every operation, DISABLE too). Otherwise only the ptrace parent's thread may, and DISABLE is
  /// not checked at all.
  bool debugger_process_counts = false;
  /// A second DESTROY_QUEUE of a queue that one waits for is refused with EBUSY; otherwise it waits
  /// too, and then finds no queue. Read in upstream 6.12.117.
  bool second_destroy_is_busy = false;
  /// A queue that ignores preemption is reset by itself; otherwise its GPU is. Since Linux 6.12.
  bool resets_single_queues = true;
  /// ENABLE that cannot give the runtime's state to its caller undoes the session. Otherwise the
  /// target stays enabled, and the next ENABLE says EALREADY.
  bool enable_fault_undoes = false;
  /// SET_XNACK_MODE answers; otherwise it says EPERM. Debian builds 6.12 without it.
  bool has_xnack_mode = true;
  /// Minor version of the interface, and its first ioctl number that is ENOTTY (as 0 is).
  std::uint32_t minor_version = 17;
  std::uint32_t first_unknown_ioctl = 0x27;
  bool unknown_ioctl_is_invalid = false;  ///< EINVAL instead
  /// mqds gives a process' PASID, in hexadecimal; otherwise it repeats its pid. Up to Linux 6.14.
  bool mqds_has_pasid = false;
  std::uint32_t device_entry_bytes = 120;  ///< of GET_DEVICE_SNAPSHOT
  /// Between two looks at a queue that is to leave, the firmware waits QUE_SLEEP units of 1000
  /// clocks. 64 is the hardware's default; on gfx9.4 and later drivers set 1 from Linux 6.15 on.
  std::uint32_t dequeue_retry_units = kDefaultRetryUnits;
  /// A process's ids begin at (pid % 256) * 4 instead of 0: the next free one from there on, and
  /// behind the last one (assumed) the lowest free. Seen in a patched build of AMD's package; no
  /// release does it.
  bool ids_from_pid = false;

  static constexpr std::uint32_t kDefaultRetryUnits = 64;
  bool operator==(const Personality&) const = default;
};

/// Those of released drivers.
[[nodiscard]] std::span<const Personality> personalities();
/// The patched build "dkms-6.12.12-pid-ids": dkms-6.12.12 with `ids_from_pid`, and with a version
/// that says so.
[[nodiscard]] const Personality& patched_personality();
/// Of all of them, the patched one too. Errors: kInvalidArgument naming the nearest valid one.
[[nodiscard]] Result<Personality> find_personality(std::string_view name);

}  // namespace gpreempt::sim
