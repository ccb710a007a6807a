#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// A backend that remembers each suspend and resume as a `DriverCall`: from when it was asked for
/// until it was done. How the time divides into phases only the driver knows; all of it is
/// `DriverPhase::kUnmap`, in which every queue of the GPU is off. Passes everything on, and does
/// something more once it is closed.
class CallRecorder final : public Backend {
 public:
  CallRecorder(std::unique_ptr<Backend> inner, std::function<Result<void>()> when_closed)
      : inner_(std::move(inner)), when_closed_(std::move(when_closed)) {}

  /// In order of completion.
  [[nodiscard]] const std::vector<DriverCall>& calls() const { return calls_; }

  [[nodiscard]] const BackendInfo& info() const override { return inner_->info(); }
  [[nodiscard]] Instant now() const override { return inner_->now(); }
  [[nodiscard]] Result<TargetId> attach(Pid pid, AttachMode mode) override;
  [[nodiscard]] Result<void> detach(TargetId target) override { return inner_->detach(target); }
  [[nodiscard]] std::vector<QueueInfo> queues(TargetId target) const override {
    return inner_->queues(target);
  }
  [[nodiscard]] Result<RequestId> control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) override {
    return inner_->control(target, ids, control);
  }
  [[nodiscard]] Result<void> watch(TargetId target, Duration period) override {
    return inner_->watch(target, period);
  }
  [[nodiscard]] Result<RequestId> inspect(InspectView view) override {
    return inner_->inspect(view);
  }
  [[nodiscard]] Result<std::optional<Event>> next_event(Instant deadline) override;
  /// Errors: those of the inner backend, then those of `when_closed`.
  [[nodiscard]] Result<void> close() override;

 private:
  void record(const ControlDone& done);

  std::unique_ptr<Backend> inner_;
  std::function<Result<void>()> when_closed_;
  std::map<TargetId, Pid> pids_;
  std::set<Pid> suspended_before_;
  std::vector<DriverCall> calls_;
};

}  // namespace gpreempt::kfd
