/// @file
/// What a soak run sees of its controller.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/drive.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "soak/run.h"

namespace gpreempt::soak {

/// Sees every event, and whether each suspend and resume reports one outcome for every queue it was
/// asked for: what is missing or named twice becomes a violation of `result`. Hands all events and
/// decisions on to `log` unless it is null. Both outlive it. It neither blocks nor fails.
class Onlooker final : public EventSink {
 public:
  Onlooker(SoakResult& result, EventLog* log) : result_(result), log_(log) {}

  void event(const Event& event) override;
  void decision(const Decision& decision) override;
  void issued(const Action& action, Instant at) override;

  /// The last decision about each (target, GPU) of those that are still attached.
  [[nodiscard]] std::vector<Decision> standing() const;

  /// Targets that are attached no more, each told once.
  [[nodiscard]] std::set<TargetId> take_lost();

 private:
  void judge(const ControlDone& done);

  SoakResult& result_;
  EventLog* log_;
  std::map<TargetId, std::size_t> asked_;
  std::map<std::pair<TargetId, GpuId>, Decision> standing_;
  std::set<TargetId> lost_;
};

}  // namespace gpreempt::soak
