#include "backends/kfd/rescue.h"

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
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/driver.h"
#include "backends/kfd/os.h"
#include "backends/kfd/tracee.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// A process that is freed while it enters its next handshake is freed again, so often at most.
constexpr int kRescueAttempts = 5;
/// How often a process that is to stop or to leave its handshake is looked at.
constexpr Duration kLookAgainAfter = std::chrono::milliseconds(1);
constexpr Duration kLetGoPatience = std::chrono::seconds(1);

void pause_until(Os& os, Instant until) { (void)os.wait(std::span<WaitFd>(), until); }

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

/// Whether a thread of the process waits in its runtime's handshake; nullopt where that cannot be
/// seen.
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

/// One process, from a thread that traces it or cannot.
class Rescue {
 public:
  Rescue(Os& os, Fd driver, Pid pid, const RescueOptions& options)
      : os_(os), pid_(pid), options_(options), trap_(os, driver, pid) {}

  Result<Rescued> run() {
    Tracee tracee(os_, pid_);
    if (auto seized = tracee.seize(); !seized) {
      return seized.error().code == Errc::kNotPermitted
                 ? free_untraced()
                 : Result<Rescued>(tl::unexpected<Error>(std::move(seized).error()));
    }
    const auto pipe = os_.pipe();
    auto result = pipe
                      ? free_traced(pipe->write)
                      : Result<Rescued>(fail(Errc::kIo, fmt::format("rescue pid {}: no pipe", pid_),
                                             pipe.error().number));
    const Instant patience_ends = saturating_add(os_.now(), kLetGoPatience);
    tracee.detach([&] {
      pause_until(os_, saturating_add(os_.now(), kLookAgainAfter));
      return os_.now() < patience_ends;
    });
    if (pipe) {
      os_.close(pipe->read);
      os_.close(pipe->write);
    }
    return result;
  }

 private:
  Result<Rescued> free_traced(Fd notify) {
    for (int attempt = 0; attempt < kRescueAttempts; ++attempt) {
      const auto enabled = trap_.enable(abi::kProcessRuntime, notify);
      if (!enabled && enabled.error().number != EALREADY) {
        return tl::unexpected<Error>(trap_error("rescue", pid_, enabled.error()));
      }
      done_.ended_session = done_.ended_session || !enabled;
      answer(attempt == 0);
      if (const auto disabled = trap_.disable(); !disabled) {
        return tl::unexpected<Error>(trap_error("rescue", pid_, disabled.error()));
      }
      pause_until(os_, saturating_add(os_.now(), kLookAgainAfter));
      if (!waits_in_handshake(os_, options_.proc_root, pid_).value_or(false)) {
        return done_;
      }
    }
    return fail(Errc::kBusy,
                fmt::format("rescue pid {}: it still waits in its runtime's start or end; run "
                            "rescue again, or end the process",
                            pid_));
  }

  /// One answer to a process that waits, none to another: it would let its next handshake pass.
  void answer(bool also_if_unseen) {
    bool has_event = false;
    for (auto event = trap_.query_event(); event && event->exception_mask != 0;
         event = trap_.query_event()) {
      has_event = has_event || (event->exception_mask & abi::kProcessRuntime) != 0;
      // What is no word to a debugger is the runtime's.
      (void)trap_.send_runtime_event(*event);
    }
    done_.answered_handshake = done_.answered_handshake || has_event;
    if (has_event) {
      return;
    }
    const auto waits = waits_in_handshake(os_, options_.proc_root, pid_);
    if (waits.value_or(also_if_unseen)) {
      (void)trap_.send_runtime_event(
          {.exception_mask = abi::kProcessRuntime, .gpu_id = 0, .queue_id = 0});
      done_.answered_handshake = done_.answered_handshake || waits.value_or(false);
    }
  }

  /// Drivers before 6.12.107 let anybody end a session; none lets anybody answer.
  Result<Rescued> free_untraced() {
    if (trap_.disable() && !waits_in_handshake(os_, options_.proc_root, pid_).value_or(false)) {
      return Rescued{.ended_session = true, .answered_handshake = false};
    }
    return fail(Errc::kNotPermitted, fmt::format("rescue pid {}: {}", pid_, reason_not_to_trace()),
                EPERM);
  }

  [[nodiscard]] std::string reason_not_to_trace() {
    constexpr std::string_view kKey = "TracerPid:\t";
    const auto status = os_.read_file(fmt::format("{}/{}/status", options_.proc_root, pid_))
                            .value_or(std::string());
    const auto at = status.find(kKey);
    const auto tracer =
        at == std::string::npos
            ? std::string("0")
            : status.substr(at + kKey.size(), status.find('\n', at) - at - kKey.size());
    return tracer == "0"
               ? "ptrace is refused; run as the same user or with CAP_SYS_PTRACE, see "
                 "kernel.yama.ptrace_scope"
               : fmt::format(
                     "thread {} traces it; if that is a controller that hangs, end it with "
                     "kill -KILL {}: the driver resumes its queues then",
                     tracer, tracer);
  }

  Os& os_;
  Pid pid_;
  const RescueOptions& options_;
  DbgTrap trap_;
  Rescued done_;
};

}  // namespace

Result<Rescued> rescue(Os& os, Pid pid, const RescueOptions& options) {
  const auto driver = open_driver(os, options.device);
  GPREEMPT_TRY(driver);
  auto result = Rescue(os, *driver, pid, options).run();
  os.close(*driver);
  return result;
}

}  // namespace gpreempt::kfd
