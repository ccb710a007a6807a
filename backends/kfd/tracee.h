#pragma once

#include <functional>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// The ptrace side of a session: holds a process's leader seized and lets it go on from every stop
/// at once, with the signal it was about to get. All calls must come from one worker.
class Tracee {
 public:
  /// What happened to the tracee that its session must know.
  enum class Change {
    kNone,
    kExecuted,  ///< in its exec stop: call `proceed` when done with it
    kExited,    ///< gone
    kLost,      ///< no tracee any more: gone, or another thread of it has executed a program
  };

  Tracee(Os& os, Pid pid) : os_(os), pid_(pid) {}

  /// Errors: kNotPermitted, kProcessExited; nothing is held then.
  [[nodiscard]] Result<void> seize();

  /// Serves the stops there are, up to the first change. Call until `kNone`.
  [[nodiscard]] Change pump();

  /// Ends the exec stop.
  void proceed();

  /// Lets go. `await_change` blocks until `pump` may find something new, and returns false to give
  /// up; the kernel then lets go when the worker ends. Blocks: as `await_change` does.
  void detach(const std::function<bool()>& await_change);

  [[nodiscard]] bool held() const { return held_; }

 private:
  [[nodiscard]] bool try_detach();

  Os& os_;
  Pid pid_;
  bool held_ = false;
};

}  // namespace gpreempt::kfd
