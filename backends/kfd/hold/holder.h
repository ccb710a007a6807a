#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/hold/hold.h"
#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// What `hold` does, as long as it lasts.
class Holder {
 public:
  Holder(Os& os, Backend& backend, const HoldOptions& options, ResumeSocket* requests,
         const std::function<void(std::string_view)>& say)
      : os_(os), backend_(backend), options_(options), requests_(requests), say_(say) {}

  [[nodiscard]] Result<HoldReport> run();

 private:
  using End = HoldReport::End;
  struct Target {
    Pid pid;
    TargetId id;
    Fd pidfd = kNoFd;  ///< opened before the attach: whom the user named
    bool owns_pidfd = true;
    bool attached = false;
    bool exited = false;
    bool released = false;  ///< asked for: what is made from now on runs
    std::optional<RequestId> in_flight;
    std::vector<QueueId> to_suspend;
    std::optional<ResumeSocket::Request> asked;  ///< answered when it is done
  };

  [[nodiscard]] Result<void> attach_all();
  [[nodiscard]] Result<void> await_attached();
  [[nodiscard]] Result<void> choose_all();
  [[nodiscard]] Result<void> choose(Target& target);
  [[nodiscard]] Result<void> hold_until_end();
  [[nodiscard]] Result<void> go_on();
  /// Waits for an event and takes it in.
  [[nodiscard]] Result<void> next(Instant deadline);
  [[nodiscard]] std::optional<End> reason_to_end() const;
  void end(End how);
  void found(const std::string& anomaly);
  [[nodiscard]] bool is_over() const { return end_.has_value(); }

  void serve_requests();
  void serve(const ResumeSocket::Request& request);
  /// Who asked for the target's queues, if anybody did.
  void answer(Target& target, const ResumeAnswer& with);
  [[nodiscard]] Result<std::vector<QueueId>> asked_queues(Target& target,
                                                          const std::vector<std::uint32_t>& asked);
  void issue_all();
  void issue(Target& target);
  [[nodiscard]] bool issue(Target& target, std::vector<QueueId> ids, const Control& control);

  void handle(const AttachDone& done);
  void handle(const ControlDone& done, Instant at);
  void handle(const QueueBorn& born);
  void handle(const QueueGone& gone, Instant at);
  void handle(const LeaseExpired& expired, Instant at);
  void handle(const TargetExited& exited, Instant at);
  void suspended(const Target& target, const ControlDone& done);
  void resumed(Target& target, const ControlDone& done, Instant at);

  [[nodiscard]] Target* find(TargetId id);
  [[nodiscard]] HeldQueue* find_held(QueueId id);

  Os& os_;
  Backend& backend_;
  const HoldOptions& options_;
  ResumeSocket* requests_;
  const std::function<void(std::string_view)>& say_;
  std::vector<Target> targets_;
  std::vector<QueueInfo> known_;  ///< of each entry of `report_.queues`
  HoldReport report_;
  std::optional<End> end_;
  Result<void> attach_error_;
  Instant limit_ = kForever;
};

}  // namespace gpreempt::kfd
