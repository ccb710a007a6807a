#include "experiments/session.h"

#include <fmt/format.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"

namespace gpreempt::experiments {
namespace {

Result<ControlDone> checked(const ControlDone& done) {
  if (done.error) {
    return tl::unexpected<Error>(*done.error);
  }
  for (const QueueOutcome& each : done.outcomes) {
    if (each.outcome != Outcome::kOk) {
      return fail(each.outcome == Outcome::kError ? Errc::kHardwareFailure : Errc::kNoSuchQueue,
                  fmt::format("{} on queue {}: the driver answered {}; nothing more is asked of it",
                              to_string(done.kind), each.id, to_string(each.outcome)));
    }
  }
  return done;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const Setting& setting,
                                               const WorldRequest& request) {
  std::unique_ptr<Testbed> testbed;
  GPREEMPT_TRY(store(testbed, setting.open(request)));
  std::unique_ptr<Session> session(new Session(std::move(testbed)));
  const std::size_t gpus = session->backend().info().gpus.size();
  if (gpus < request.gpus) {
    GPREEMPT_TRY(session->close());
    return fail(Errc::kUnsupported, fmt::format("open a world: it takes {} GPUs, and there {} {}",
                                                request.gpus, gpus == 1 ? "is" : "are", gpus));
  }
  return session;
}

Result<void> check_tells_work(const ProgramProgress& progress) {
  return progress.tells_work
             ? Result<void>{}
             : fail(Errc::kUnsupported,
                    "ask a program for its work: it does not tell how much it has done; those in "
                    "workloads/hip do");
}

Result<void> check_tells_bystander(const ProgramProgress& progress) {
  return progress.tells_bystander
             ? Result<void>{}
             : fail(Errc::kUnsupported,
                    "ask a program how long it was off the GPU for others: it does not tell; it "
                    "takes one with a heartbeat on the GPU");
}

Instant Session::patience() const { return saturating_add(testbed_->backend().now(), kPatience); }

Result<Pid> Session::run(Program program) {
  Result<Pid> pid = testbed_->launch(std::move(program));
  if (pid) {
    testbed_->start();
  }
  return pid;
}

Result<Followed> Session::follow(Pid pid, AttachMode mode) {
  const Result<TargetId> target = backend().attach(pid, mode);
  GPREEMPT_TRY(target);
  const auto is_answer = [&](const Event& event) {
    const auto* const done = std::get_if<AttachDone>(&event.what);
    return done != nullptr && done->target == *target;
  };
  const Result<Event> answer = await(is_answer, patience());
  GPREEMPT_TRY(answer);
  if (const auto& error = std::get<AttachDone>(answer->what).error) {
    return tl::unexpected<Error>(*error);
  }
  Followed process{.pid = pid, .id = *target, .queues = {}};
  for (const QueueInfo& queue : backend().queues(*target)) {
    process.queues.push_back(queue.id);
  }
  return process;
}

Result<void> Session::leave(const Followed& process) {
  GPREEMPT_TRY(backend().detach(process.id));
  const auto is_answer = [&](const Event& event) {
    const auto* const done = std::get_if<DetachDone>(&event.what);
    return done != nullptr && done->target == process.id;
  };
  return await(is_answer, patience()).map([](const Event& /*answer*/) {});
}

Result<ControlDone> Session::control(TargetId target, std::span<const QueueId> queues,
                                     const Control& control) {
  const Result<RequestId> request = backend().control(target, queues, control);
  GPREEMPT_TRY(request);
  const auto is_answer = [&](const Event& event) {
    const auto* const done = std::get_if<ControlDone>(&event.what);
    return done != nullptr && done->request == *request;
  };
  const Result<Event> answer = await(is_answer, patience());
  GPREEMPT_TRY(answer);
  return checked(std::get<ControlDone>(answer->what));
}

Result<ControlDone> Session::control(const Followed& process, const Control& control) {
  return this->control(process.id, process.queues, control);
}

Result<ControlDone> Session::suspend(const Followed& process, std::optional<Duration> grace) {
  return control(process, Suspend{.grace = grace, .lease = kLease});
}

Result<ControlDone> Session::resume(const Followed& process) { return control(process, Resume{}); }

Result<void> Session::wait(Duration duration) { return testbed_->wait(duration); }

Result<void> Session::wait_until(const std::function<bool()>& holds, Duration patience,
                                 Duration step) {
  for (Duration waited{}; !holds(); waited += step) {
    if (waited >= patience) {
      return fail(Errc::kTimedOut,
                  fmt::format("wait for a process: what it was to do did not happen in {} ms",
                              to_ns(patience) / 1'000'000));
    }
    GPREEMPT_TRY(wait(step));
  }
  return {};
}

Result<Event> Session::await(const std::function<bool(const Event&)>& wanted, Instant deadline) {
  for (;;) {
    Result<std::optional<Event>> next = backend().next_event(deadline);
    GPREEMPT_TRY(next);
    const std::optional<Event>& event = *next;
    if (!event) {
      return fail(Errc::kTimedOut, "wait for the backend: the event did not come in time");
    }
    events_.push_back(*event);
    if (wanted(events_.back())) {
      return events_.back();
    }
  }
}

Result<void> Session::serve_until(Instant deadline) {
  const Result<Event> none = await([](const Event& /*event*/) { return false; }, deadline);
  if (none.error().code != Errc::kTimedOut) {
    return tl::unexpected<Error>(none.error());
  }
  return {};
}

Result<void> Session::close() { return backend().close(); }

}  // namespace gpreempt::experiments
