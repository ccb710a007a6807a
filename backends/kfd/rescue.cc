#include "backends/kfd/rescue.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/driver.h"
#include "backends/kfd/handshake.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/tracee.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// How often a process that is to stop is looked at.
constexpr Duration kLookAgainAfter = std::chrono::milliseconds(1);
constexpr Duration kLetGoPatience = std::chrono::seconds(1);

void pause_until(Os& os, Instant until) { (void)os.wait(std::span<WaitFd>(), until); }

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
                      ? free_traced(os_, trap_, pid_, pipe->write, options_.proc_root)
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
  /// Drivers before 6.12.107 let anybody end a session; none lets anybody answer. The session of
  /// a tracer that runs is left alone: its target is in good hands.
  Result<Rescued> free_untraced() {
    const std::string by = tracer();
    const bool may_end = by == "0" || !is_running(by) || GPREEMPT_MUTANT("rescue-from-the-living");
    if (may_end && trap_.disable() &&
        !waits_in_handshake(os_, options_.proc_root, pid_).value_or(false)) {
      return Rescued{.ended_session = true, .answered_handshake = false};
    }
    return fail(Errc::kNotPermitted, fmt::format("rescue pid {}: {}", pid_, reason_not_to_trace()),
                EPERM);
  }

  /// Empty where it cannot be read.
  [[nodiscard]] std::string status_of(std::string_view who, std::string_view key) {
    return value_of(read_process_status(os_, options_.proc_root, who).value_or(ProcessStatus()),
                    key);
  }
  /// The thread that traces it, "0" without one.
  [[nodiscard]] std::string tracer() {
    const std::string found = status_of(fmt::format("{}", pid_), "TracerPid");
    return found.empty() ? "0" : found;
  }
  /// Neither stopped nor ending. One in a frozen control group looks as if it slept.
  [[nodiscard]] bool is_running(std::string_view who) {
    const std::string state = status_of(who, "State");
    return !state.empty() && std::string_view("RSD").find(state.front()) != std::string_view::npos;
  }

  [[nodiscard]] std::string reason_not_to_trace() {
    const std::string by = tracer();
    return by == "0" ? "ptrace is refused; run as the same user or with CAP_SYS_PTRACE, see "
                       "kernel.yama.ptrace_scope"
                     : fmt::format(
                           "thread {} traces it; if that is a controller that hangs, end it with "
                           "kill -KILL {}: the driver resumes its queues then",
                           by, by);
  }

  Os& os_;
  Pid pid_;
  const RescueOptions& options_;
  DbgTrap trap_;
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
