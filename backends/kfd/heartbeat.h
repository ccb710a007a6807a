#pragma once

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
  };
  Kind kind = Kind::kAttached;
  std::int32_t pid = 0;
  std::int64_t issued_ns = 0;
  std::int64_t until_ns = 0;
};
static_assert(sizeof(Beat) == 24);

/// The controller's side: any of its workers, none of which waits. A controller that cannot tell
/// its watchdog must not suspend.
class Heartbeat {
 public:
  /// Starts `argv`, to which "--controller PID --heartbeat PATH" is added, as the watchdog. Blocks:
  /// until it has opened the pipe. Errors: kIo (it cannot be executed, or ended), kTimedOut;
  /// nothing is left then.
  [[nodiscard]] static Result<std::unique_ptr<Heartbeat>> start(Os& os,
                                                                std::vector<std::string> argv);
  /// On a pipe that somebody reads. The caller keeps `pipe` open, and closes it.
  Heartbeat(Os& os, Fd pipe) : os_(os), pipe_{.read = kNoFd, .write = pipe} {}
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  ~Heartbeat() = default;

  /// Whether the watchdog lives and will read it.
  [[nodiscard]] bool tell(Beat::Kind kind, Pid target, Instant issued = {}, Instant until = {});

  /// Ends the watchdog that `start` started. Blocks: until it has exited, for a second at most.
  /// Call after the last session has ended.
  void close();

 private:
  /// Whether the watchdog has the pipe open.
  [[nodiscard]] bool is_heard() const;
  /// Blocks: until it has.
  [[nodiscard]] Result<void> await_watchdog();

  Heartbeat(Os& os, PipeEnds pipe) : os_(os), pipe_(pipe) {}

  Os& os_;
  PipeEnds pipe_;
  Pid watchdog_;
  Fd watchdog_exit_ = kNoFd;  ///< a pidfd; `kNoFd`: somebody else looks after it
};

/// The watchdog's side: what is in the pipe now. Errors: EPIPE (the controller has closed it).
[[nodiscard]] SysResult<std::vector<Beat>> read_beats(Os& os, Fd pipe);

}  // namespace gpreempt::kfd
