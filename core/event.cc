#include "core/event.h"

#include <string_view>
#include <variant>

namespace gpreempt {

std::string_view to_string(ControlKind kind) {
  switch (kind) {
    case ControlKind::kSuspend: return "suspend";
    case ControlKind::kResume: return "resume";
    case ControlKind::kPercentage: return "percentage";
    case ControlKind::kPriority: return "priority";
    case ControlKind::kCuMask: return "cu-mask";
    case ControlKind::kThrottle: return "throttle";
    case ControlKind::kSignal: return "signal";
    case ControlKind::kReset: return "reset";
    case ControlKind::kSelectiveUnmap: return "selective-unmap";
    case ControlKind::kKernelBoundary: return "kernel-boundary";
  }
  return "unknown";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk: return "ok";
    case Outcome::kInvalid: return "invalid";
    case Outcome::kError: return "error";
  }
  return "unknown";
}

std::string_view to_string(QueueRole role) {
  switch (role) {
    case QueueRole::kUser: return "user";
    case QueueRole::kInternal: return "internal";
    case QueueRole::kSdma: return "sdma";
  }
  return "unknown";
}

std::string_view to_string(QueueState state) {
  switch (state) {
    case QueueState::kRunning: return "running";
    case QueueState::kSuspended: return "suspended";
  }
  return "unknown";
}

std::string_view to_string(QueueType type) {
  switch (type) {
    case QueueType::kCompute: return "compute";
    case QueueType::kSdma: return "sdma";
  }
  return "unknown";
}

namespace {

struct NameOf {
  std::string_view operator()(const AttachDone&) const { return "attach-done"; }
  std::string_view operator()(const DetachDone&) const { return "detach-done"; }
  std::string_view operator()(const ControlDone&) const { return "control-done"; }
  std::string_view operator()(const LeaseExpired&) const { return "lease-expired"; }
  std::string_view operator()(const QueueBorn&) const { return "queue-born"; }
  std::string_view operator()(const QueueGone&) const { return "queue-gone"; }
  std::string_view operator()(const ActivityEdge&) const { return "activity-edge"; }
  std::string_view operator()(const WorkArrived&) const { return "work-arrived"; }
  std::string_view operator()(const WorkFinished&) const { return "work-finished"; }
  std::string_view operator()(const ExceptionRaised&) const { return "exception"; }
  std::string_view operator()(const TargetExited&) const { return "target-exited"; }
  std::string_view operator()(const InspectDone&) const { return "inspect-done"; }
};

}  // namespace

std::string_view name_of(const Event& event) { return std::visit(NameOf{}, event.what); }

}  // namespace gpreempt
