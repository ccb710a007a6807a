#include "tests/support/wait.h"

#include <chrono>
#include <functional>
#include <optional>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::contract {
namespace {

Instant deadline_of(const Backend& backend) { return saturating_add(backend.now(), kPatience); }

}  // namespace

Result<Attached> attach_and_wait(Backend& backend, Pid pid, AttachMode mode, EventLog& log) {
  const Result<TargetId> target = backend.attach(pid, mode);
  if (!target) {
    return tl::unexpected<Error>(target.error());
  }
  const Result<AttachDone> done = await<AttachDone>(backend, deadline_of(backend), log);
  if (!done) {
    return tl::unexpected<Error>(done.error());
  }
  if (done->error) {
    return tl::unexpected<Error>(*done->error);
  }
  Attached attached{.id = *target, .queues = {}};
  for (const QueueInfo& queue : backend.queues(*target)) {
    attached.queues.push_back(queue.id);
  }
  return attached;
}

Result<ControlDone> control_and_wait(Backend& backend, const Attached& target,
                                     const Control& control, EventLog& log) {
  const Result<RequestId> request = backend.control(target.id, target.queues, control);
  if (!request) {
    return tl::unexpected<Error>(request.error());
  }
  Result<ControlDone> done = await<ControlDone>(backend, deadline_of(backend), log);
  if (done && done->error) {
    return tl::unexpected<Error>(*done->error);
  }
  return done;
}

Result<ControlDone> suspend_and_wait(Backend& backend, const Attached& target, Duration lease,
                                     EventLog& log) {
  return control_and_wait(backend, target, Suspend{.grace = std::nullopt, .lease = lease}, log);
}

Result<ControlDone> resume_and_wait(Backend& backend, const Attached& target, EventLog& log) {
  return control_and_wait(backend, target, Resume{}, log);
}

Result<void> wait_until(Testbed& testbed, const std::function<bool()>& holds, Duration patience) {
  constexpr Duration kStep = std::chrono::milliseconds(1);
  for (Duration waited{}; !holds(); waited += kStep) {
    if (waited >= patience) {
      return fail(Errc::kTimedOut, "wait for a condition: it did not come to hold");
    }
    GPREEMPT_TRY(testbed.wait(kStep));
  }
  return {};
}

}  // namespace gpreempt::contract
