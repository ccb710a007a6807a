#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// What a controller tells its watchdog: a record in a pipe. Both read the same clock.
struct Beat {
  enum class Kind : std::uint32_t {
    kAttached = 1,
    kSuspending = 2,  ///< before the driver is asked: by `until` there is news, or all is not well
    kRunning = 3,     ///< nothing of the target is suspended any more
    kDetached = 4,
    kAlive = 5,  ///< of no target: every `kPulsePeriod`, as long as the process runs
  };
  Kind kind = Kind::kAttached;
  std::int32_t pid = 0;
  std::int64_t issued_ns = 0;
  std::int64_t until_ns = 0;
};
static_assert(sizeof(Beat) == 24);

/// How often a controller says that it is not stopped.
inline constexpr Duration kPulsePeriod = std::chrono::milliseconds(500);
/// A watchdog that has not read for so long is stopped.
inline constexpr Duration kDeafAfter = std::chrono::seconds(3);

/// The controller's side: any of its workers, none of which waits. A controller that cannot tell
/// its watchdog must not suspend.
class Heartbeat {
 public:
  /// Starts `argv`, to which "--controller PID --heartbeat PATH" is added, as the watchdog. Blocks:
  /// until it has opened the pipe. Errors: kIo (it cannot be executed, or ended), kTimedOut;
  /// nothing is left then.
  [[nodiscard]] static Result<std::unique_ptr<Heartbeat>> start(Os& os,
                                                                std::vector<std::string> argv);
  /// With a watchdog that somebody else has started on this pipe, which is its own from here on.
  /// Errors: kProcessExited.
  [[nodiscard]] static Result<std::unique_ptr<Heartbeat>> adopt(Os& os, PipeEnds pipe,
                                                                Pid watchdog);
  /// On a pipe that somebody reads. The caller keeps `pipe` open, and closes it. Without the
  /// reading end it cannot see whether that is so, and has no pulse.
  Heartbeat(Os& os, Fd pipe) : Heartbeat(os, PipeEnds{.read = kNoFd, .write = pipe}) {}
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  ~Heartbeat() = default;

  /// From now on a worker says `kAlive`, until `close`. A second time does nothing.
  /// Errors: kIo.
  [[nodiscard]] Result<void> begin_pulse();

  /// Whether the watchdog lives and is not stopped: it has read what it was told, but for the last
  /// `kDeafAfter`. Any worker. Never waits.
  [[nodiscard]] bool is_listening();

  /// Whether the watchdog lives and will read it.
  [[nodiscard]] bool tell(Beat::Kind kind, Pid target, Instant issued = {}, Instant until = {});

  /// Ends the pulse, and the watchdog that `start` started. Blocks: until it has exited, for a
  /// second at most; one that is stopped is left to its controller's end.
  /// Call after the last session has ended.
  void close();

 private:
  Heartbeat(Os& os, PipeEnds pipe) : os_(os), pipe_(pipe), read_until_(to_ns(os.now())) {}

  void pulse();
  void end_pulse();
  /// Whether the watchdog has the pipe open.
  [[nodiscard]] bool is_heard() const;
  /// Blocks: until it has.
  [[nodiscard]] Result<void> await_watchdog();

  Os& os_;
  PipeEnds pipe_;
  Pid watchdog_;
  Fd watchdog_exit_ = kNoFd;              ///< a pidfd; `kNoFd`: somebody else looks after it
  std::atomic<std::int64_t> read_until_;  ///< when the pipe was last seen without anything unread
  Fd stop_pulse_ = kNoFd;                 ///< a waker; `kNoFd`: there is no pulse
  WorkerId pulse_;
};

/// The watchdog's side: what is in the pipe now. Errors: EPIPE (the controller has closed it).
[[nodiscard]] SysResult<std::vector<Beat>> read_beats(Os& os, Fd pipe);

}  // namespace gpreempt::kfd
