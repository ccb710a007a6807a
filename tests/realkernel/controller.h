#pragma once

#include <map>
#include <memory>
#include <utility>
#include <variant>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// What a scheduler does with the backend, as users get it, to processes and the queue that each
/// has by `OneQueueOs`. Each call waits for its end. Errors are values: a forked process has no
/// test to report them to.
class Controller {
 public:
  [[nodiscard]] static Result<Controller> open(Os& os,
                                               std::shared_ptr<Heartbeat> heartbeat = nullptr);

  Controller(Controller&&) = default;
  Controller& operator=(Controller&&) = delete;
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller() {
    if (backend_ != nullptr) {
      (void)backend_->close();
    }
  }

  /// What follows is about this process, until another one is attached or chosen.
  [[nodiscard]] Result<void> attach(Pid pid);
  /// Goes back to one that was attached before.
  void choose(Pid pid) { target_ = targets_.at(pid); }
  [[nodiscard]] Result<void> suspend(Duration lease);
  [[nodiscard]] Result<void> resume();
  [[nodiscard]] Result<void> detach();
  [[nodiscard]] Result<void> close() { return backend_->close(); }

  /// Attach, suspend, resume, detach, close.
  [[nodiscard]] static Result<void> control_once(Os& os, Pid pid);

  /// The next event that is a `T`. Errors: kTimedOut.
  template <class T>
  [[nodiscard]] Result<T> await() {
    for (;;) {
      const auto event = next();
      GPREEMPT_TRY(event);
      if (const auto* const found = std::get_if<T>(&event->what)) {
        return *found;
      }
    }
  }

 private:
  explicit Controller(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}

  [[nodiscard]] Result<Event> next();
  [[nodiscard]] Result<void> control(const Control& control);

  std::unique_ptr<Backend> backend_;
  struct Target {
    TargetId id;
    QueueId queue;
  };
  std::map<Pid, Target> targets_;
  Target target_;
};

}  // namespace gpreempt::kfd
