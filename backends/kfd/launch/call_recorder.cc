#include "backends/kfd/launch/call_recorder.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {

Result<TargetId> CallRecorder::attach(Pid pid, AttachMode mode) {
  auto target = inner_->attach(pid, mode);
  if (target) {
    pids_.emplace(*target, pid);
  }
  return target;
}

Result<std::optional<Event>> CallRecorder::next_event(Instant deadline) {
  auto event = inner_->next_event(deadline);
  static const std::optional<Event> kNone;
  const std::optional<Event>& seen = event ? *event : kNone;
  const auto* const done = seen ? std::get_if<ControlDone>(&seen->what) : nullptr;
  if (done != nullptr) {
    record(*done);
  }
  return event;
}

Result<void> CallRecorder::close() {
  Result<void> closed = inner_->close();
  Result<void> after = when_closed_ ? when_closed_() : Result<void>();
  return closed ? std::move(after) : std::move(closed);
}

void CallRecorder::record(const ControlDone& done) {
  const bool is_suspend = done.kind == ControlKind::kSuspend;
  if (done.error || (!is_suspend && done.kind != ControlKind::kResume)) {
    return;  // nothing was done
  }
  const Pid pid = pids_.at(done.target);
  DriverCall call{.target = pid, .kind = done.kind, .called = done.issued, .done = done.done};
  call.phases.at(static_cast<std::size_t>(DriverPhase::kUnmap)) = done.done - done.issued;
  call.first_of_process = is_suspend && suspended_before_.insert(pid).second;
  calls_.push_back(call);
}

}  // namespace gpreempt::kfd
