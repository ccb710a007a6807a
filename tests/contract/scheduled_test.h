#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "core/drive.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {

/// An Online service and an Offline job under a scheduler, which is told by hints.
class ScheduledTest : public BackendTest {
 protected:
  /// What runs as Offline from the next `prepare` on; at first it is `offline_training()`.
  void let_offline_be(Program job);
  /// Launches and attaches both and lets the scheduler see it. Nothing is started.
  void prepare(std::string_view policy, Program service, Mechanism mechanism = {},
               Duration lease = kLongLease);
  /// The first half of `prepare`: launches both, and attaches the service only.
  void prepare_service(std::string_view policy, Program service, Mechanism mechanism = {},
                       Duration lease = kLongLease);
  /// The second half; does not wait for it.
  void attach_offline();
  /// Serves the scheduler for `duration`, or until `stop` says so after an event.
  void drive_for(Duration duration, EventSink& sink, const std::function<bool()>& stop = {});

  [[nodiscard]] Scheduler& scheduler() { return *scheduler_; }
  [[nodiscard]] const Program& service() const { return service_; }
  [[nodiscard]] Pid online() const { return online_; }
  [[nodiscard]] Pid offline() const { return offline_; }
  [[nodiscard]] TargetId online_target() const { return online_target_; }
  [[nodiscard]] TargetId offline_target() const { return offline_target_; }

 private:
  Program job_ = offline_training();
  Program service_;
  Pid online_;
  Pid offline_;
  TargetId online_target_;
  TargetId offline_target_;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace gpreempt::contract
