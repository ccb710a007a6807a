#include "tests/realkernel/controller.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "tests/realkernel/one_queue_os.h"

namespace gpreempt::kfd {
namespace {

/// Turns a hang into a failure.
constexpr Duration kEventPatience = std::chrono::seconds(20);

}  // namespace

Result<Controller> Controller::open(Os& os, std::shared_ptr<Heartbeat> heartbeat) {
  // The driver's reports are to be enough: no snapshots in between, and no look at sysfs, which
  // shows no queue.
  auto backend = open_backend(os, {.sysfs_root = std::string(OneQueueOs::kSysfsRoot),
                                   .rescan_period = {},
                                   .first_queue_poll = {},
                                   .take_signals = false,
                                   .heartbeat = std::move(heartbeat)});
  if (!backend) {
    return tl::unexpected<Error>(backend.error());
  }
  return Controller(make_checked_backend(*std::move(backend)));
}

Result<void> Controller::attach(Pid pid) {
  const auto target = backend_->attach(pid, AttachMode::kControl);
  GPREEMPT_TRY(target);
  target_.id = *target;
  for (;;) {
    const auto event = next();
    GPREEMPT_TRY(event);
    if (const auto* const born = std::get_if<QueueBorn>(&event->what)) {
      target_.queue = born->queue.id;
    } else if (const auto* const done = std::get_if<AttachDone>(&event->what)) {
      targets_[pid] = target_;
      return done->error ? Result<void>(tl::unexpected<Error>(*done->error)) : Result<void>();
    }
  }
}

Result<void> Controller::suspend(Duration lease) {
  return control(Suspend{.grace = {}, .lease = lease});
}

Result<void> Controller::resume() { return control(Resume{}); }

Result<void> Controller::control(const Control& control) {
  const auto request = backend_->control(target_.id, std::vector{target_.queue}, control);
  GPREEMPT_TRY(request);
  const auto done = await<ControlDone>();
  GPREEMPT_TRY(done);
  if (done->error) {
    return tl::unexpected<Error>(*done->error);
  }
  return done->outcomes.front().outcome == Outcome::kOk
             ? Result<void>()
             : fail(Errc::kHardwareFailure, "control the queue: its outcome is another than ok");
}

Result<void> Controller::detach() {
  GPREEMPT_TRY(backend_->detach(target_.id));
  return await<DetachDone>().map([](const DetachDone&) {});
}

Result<void> Controller::control_once(Os& os, Pid pid) {
  auto controller = open(os);
  if (!controller) {
    return tl::unexpected<Error>(controller.error());
  }
  GPREEMPT_TRY(controller->attach(pid));
  GPREEMPT_TRY(controller->suspend(std::chrono::hours(1)));
  GPREEMPT_TRY(controller->resume());
  GPREEMPT_TRY(controller->detach());
  return controller->close();
}

Result<Event> Controller::next() {
  auto event = backend_->next_event(saturating_add(backend_->now(), kEventPatience));
  GPREEMPT_TRY(event);
  if (!*event) {
    return fail(Errc::kTimedOut, "wait for the next event: there is none for long");
  }
  return **std::move(event);
}

}  // namespace gpreempt::kfd
