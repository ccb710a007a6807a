#include "backends/kfd/handshake.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// A process that is freed while it enters its next handshake is freed again, so often at most.
constexpr int kFreeAttempts = 5;
/// When a process that was answered is looked at.
constexpr Duration kLookAfterAnswer = std::chrono::milliseconds(1);

/// Whether /proc/PID/task/TID/syscall ("16 0x3 0xc0104b25 ...") shows a thread in RUNTIME_ENABLE.
bool is_in_runtime_enable(std::string_view line) {
  const auto word = [&line] {
    const auto end = std::min(line.find(' '), line.size());
    const auto found = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return found;
  };
  const auto number = [](std::string_view text, int base) {
    std::uint64_t value = 0;
    (void)std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
  };
  constexpr int kHex = 16;
  constexpr int kDecimal = 10;
  constexpr std::uint64_t kTypeAndNumber = 0xffff;
  const bool is_ioctl = number(word(), kDecimal) == SYS_ioctl;
  (void)word();  // the descriptor
  auto request = word();
  request.remove_prefix(request.starts_with("0x") ? 2 : 0);
  return is_ioctl && (number(request, kHex) & kTypeAndNumber) ==
                         (std::uint64_t{abi::kRuntimeEnable} & kTypeAndNumber);
}

/// One answer to a process that waits, none to another: it would let its next handshake pass.
/// `also_if_unseen`: where that cannot be seen. Returns whether it surely waited.
bool answer(Os& os, DbgTrap& trap, Pid pid, const std::string& proc_root, bool also_if_unseen) {
  bool has_event = false;
  for (auto event = trap.query_event(); event && event->exception_mask != 0;
       event = trap.query_event()) {
    has_event = has_event || (event->exception_mask & abi::kProcessRuntime) != 0;
    // What is no word to a debugger is the runtime's.
    (void)trap.send_runtime_event(*event);
  }
  if (has_event) {
    return true;
  }
  const auto waits = waits_in_handshake(os, proc_root, pid);
  if (waits.value_or(also_if_unseen) || GPREEMPT_MUTANT("handshake-answered-blindly")) {
    (void)trap.send_runtime_event(
        {.exception_mask = abi::kProcessRuntime, .gpu_id = 0, .queue_id = 0});
  }
  return waits.value_or(false);
}

}  // namespace

std::optional<bool> waits_in_handshake(Os& os, const std::string& proc_root, Pid pid) {
  const auto folder = fmt::format("{}/{}/task", proc_root, pid);
  const auto threads = os.list_dir(folder);
  bool seen = false;
  for (const std::string& thread : threads.value_or(std::vector<std::string>())) {
    const auto line = os.read_file(fmt::format("{}/{}/syscall", folder, thread));
    if (line && is_in_runtime_enable(*line)) {
      return true;
    }
    seen = seen || line.has_value();
  }
  return seen ? std::optional(false) : std::nullopt;
}

Result<Rescued> free_traced(Os& os, DbgTrap& trap, Pid pid, Fd notify,
                            const std::string& proc_root) {
  Rescued done;
  for (int attempt = 0; attempt < kFreeAttempts; ++attempt) {
    const auto enabled = trap.enable(abi::kProcessRuntime, notify);
    if (!enabled && enabled.error().number != EALREADY) {
      return tl::unexpected<Error>(trap_error("rescue", pid, enabled.error()));
    }
    done.ended_session = done.ended_session || !enabled;
    const bool answered = answer(os, trap, pid, proc_root, attempt == 0);
    done.answered_handshake = done.answered_handshake || answered;
    if (const auto disabled = trap.disable(); !disabled) {
      return tl::unexpected<Error>(trap_error("rescue", pid, disabled.error()));
    }
    (void)os.wait(std::span<WaitFd>(), saturating_add(os.now(), kLookAfterAnswer));
    if (!waits_in_handshake(os, proc_root, pid).value_or(false)) {
      return done;
    }
  }
  return fail(Errc::kBusy,
              fmt::format("rescue pid {}: it still waits in its runtime's start or end; run "
                          "rescue again, or end the process",
                          pid));
}

}  // namespace gpreempt::kfd
