#pragma once

#include <functional>

#include "core/backend.h"
#include "core/scheduler.h"

namespace gpreempt {

/// Where `drive` reports everything that happened, in order. Implemented by the event log; never
/// null-checked by users: pass `EventSink` itself to drop everything.
class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;
  virtual void event(const Event& /*event*/) {}
  virtual void decision(const Decision& /*decision*/) {}
  virtual void realisation(const Realisation& /*realisation*/) {}
  /// The backend took an action.
  virtual void issued(const Action& /*action*/, Instant /*at*/) {}
  /// It did not; `kind` is the control that the mechanism made of the action.
  virtual void refusal(const Action& /*action*/, ControlKind /*kind*/, const Error& /*error*/,
                       Instant /*at*/) {}

  // With these a scheduler can be replayed from what a sink was told: it is made as `configured`,
  // is given its tenants, and takes every step again.

  /// Whoever makes the scheduler says how, before anything else.
  virtual void configured(const SchedulerOptions& /*options*/) {}
  /// The scheduler was given a tenant.
  virtual void tenant(TenantId /*id*/, const TenantSpec& /*spec*/) {}
  /// A loop began: no later step has an earlier instant, even if its event waited since before.
  virtual void began(Instant /*at*/) {}
  /// The scheduler's own deadline passed without an event, and it takes a step.
  virtual void deadline(Instant /*at*/) {}
  /// The scheduler was shut down.
  virtual void shut_down(Instant /*at*/) {}
};

/// The only loop: feeds a backend's events to a scheduler and its actions to the backend, until the
/// backend's clock reaches `until` or `stop` (asked after each event) says so. Nothing is resumed:
/// call `drive_to_rest` for that. Blocks: until then. Errors: those of `next_event`.
[[nodiscard]] Result<void> drive(Backend& backend, Scheduler& scheduler, EventSink& sink,
                                 Instant until, const std::function<bool()>& stop = {});

/// Shuts the scheduler down and drives until nothing is suspended or in flight.
/// Blocks: at most until `until`. Errors: those of `next_event`; kTimedOut if `until` came first
/// (the backend's leases and `close` still end every suspension).
[[nodiscard]] Result<void> drive_to_rest(Backend& backend, Scheduler& scheduler, EventSink& sink,
                                         Instant until);

}  // namespace gpreempt
