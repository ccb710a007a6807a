// Which restrictions are in force on a session's queues, and what follows from them.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/host_launcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/sim_session.h"
#include "core/backend.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

constexpr std::uint32_t kBitsPerWord = 32;

/// Whether it leaves its queues restricted, rather than ending an earlier control of its kind.
bool restricts(const Control& control) {
  struct Restricts {
    bool operator()(const Resume&) const { return false; }
    bool operator()(const Percentage& each) const { return each.percent < kWholeQueue; }
    bool operator()(const Priority& each) const { return each.level.has_value(); }
    bool operator()(const CuMask& each) const { return !each.words.empty(); }
    bool operator()(const Throttle& each) const { return each.lease > Duration::zero(); }
    // NOLINTNEXTLINE(misc-include-cleaner): csignal has it
    bool operator()(const Signal& each) const { return each.number != SIGCONT; }
    bool operator()(const Suspend&) const { return true; }
    bool operator()(const Reset&) const { return true; }
    bool operator()(const SelectiveUnmap&) const { return true; }
    bool operator()(const KernelBoundary&) const { return true; }
  };
  return std::visit(Restricts{}, control);
}

}  // namespace

/// Before the agent is asked: should the controller die meanwhile, it ends what it may have done.
void SimSession::expect(const Control& control, const Outcomes& outcomes, Instant lease_end) {
  if (!restricts(control) || std::holds_alternative<Suspend>(control)) {
    return;
  }
  for (const QueueOutcome& each : outcomes) {
    if (Known* queue = known(each.id); queue != nullptr) {
      if (std::holds_alternative<Priority>(control)) {
        static_cast<void>(own_priority(*queue));
      }
      queue->restrictions.try_emplace(kind_of(control), Restriction{.lease_end = lease_end});
    }
  }
}

void SimSession::note(const Control& control, const Outcomes& outcomes, Instant lease_end) {
  if (!restricts(control)) {
    const auto* limit = std::get_if<Throttle>(&control);
    for (const QueueOutcome& each : outcomes) {
      if (Known* queue = known(each.id); queue != nullptr && limit != nullptr) {
        queue->limit = *limit;
      }
    }
    const bool resumes = std::holds_alternative<Resume>(control);
    lift(resumes ? ControlKind::kSuspend : kind_of(control), outcomes);
    return;
  }
  for (const QueueOutcome& each : outcomes) {
    Known* queue = known(each.id);
    if (queue != nullptr && each.outcome != Outcome::kInvalid) {
      // A suspend that failed in hardware is off all the same.
      queue->restrictions.insert_or_assign(
          kind_of(control), Restriction{.lease_end = lease_end,
                                        .stops_work = stops_work(control),
                                        .limit = std::holds_alternative<Throttle>(control)
                                                     ? std::optional(std::get<Throttle>(control))
                                                     : std::nullopt});
    }
  }
  show_all();
  arm_lease();
}

void SimSession::show(Known& queue) {
  const auto stops = [](const auto& each) { return each.second.stops_work; };
  queue.info.state = std::ranges::any_of(queue.restrictions, stops) ? QueueState::kSuspended
                                                                    : QueueState::kRunning;
  const auto throttled = queue.restrictions.find(ControlKind::kThrottle);
  const std::optional<Throttle>& limit =
      throttled == queue.restrictions.end() ? queue.limit : throttled->second.limit;
  const Launching launching{.in_flight = limit ? limit->in_flight : 0,
                            .batch = limit ? limit->batch : 0,
                            .held = queue.restrictions.contains(ControlKind::kKernelBoundary)};
  const std::optional<QueueIndex> hardware = host_.kfd.hardware_queue(pid_, queue.info.kernel_id);
  if (launching == queue.launching || !hardware || host_.launcher == nullptr) {
    return;
  }
  if (launching.batch > 0) {
    host_.launcher->throttle(*hardware, launching.in_flight, launching.batch);
  } else {
    host_.launcher->unthrottle(*hardware);
  }
  host_.launcher->hold(*hardware, launching.held);
  queue.launching = launching;
}

void SimSession::show_all() {
  for (auto& [id, queue] : queues_) {
    show(queue);
  }
  if (host_.launcher != nullptr) {
    // A signal reaches the whole process, whichever queues were named.
    host_.launcher->stop_host(!restricted_by(ControlKind::kSignal, kForever).empty());
  }
}

/// Whatever was undone well is not in force any more.
void SimSession::lift(ControlKind kind, const Outcomes& outcomes) {
  for (const QueueOutcome& each : outcomes) {
    Known* queue = known(each.id);
    if (queue != nullptr && each.outcome == Outcome::kOk &&
        !GPREEMPT_MUTANT("sim-lease-outlives-resume")) {
      queue->restrictions.erase(kind);
    }
  }
  show_all();
  arm_lease();
}

SimSession::Outcomes SimSession::restricted_by(ControlKind kind, Instant end) const {
  Outcomes restricted;
  for (const auto& [id, queue] : queues_) {
    const auto found = queue.restrictions.find(kind);
    if (found != queue.restrictions.end() && found->second.lease_end <= end) {
      restricted.push_back({.id = id, .outcome = Outcome::kInvalid});
    }
  }
  return restricted;
}

std::uint32_t SimSession::own_priority(Known& queue) {
  if (!queue.own_priority) {
    queue.own_priority = host_.kfd.priority(pid_, queue.info.kernel_id);
  }
  return queue.own_priority.value_or(kNormalPriority);
}

/// Without waiting: the driver serves these calls after those that are under way.
void SimSession::orphan() {
  const auto ignore = [](long) {};
  for (auto& [id, queue] : queues_) {
    const std::uint32_t kernel_id = queue.info.kernel_id;
    const auto held = GPREEMPT_MUTANT("sim-death-keeps-controls")
                          ? std::map<ControlKind, Restriction>()
                          : std::exchange(queue.restrictions, {});
    queue.limit.reset();
    if (held.contains(ControlKind::kPercentage)) {
      host_.kfd.update_queue(pid_, kernel_id, {.percentage = kWholeQueue, .priority = {}}, ignore);
    }
    if (held.contains(ControlKind::kPriority)) {
      host_.kfd.update_queue(pid_, kernel_id, {.percentage = {}, .priority = own_priority(queue)},
                             ignore);
    }
    if (held.contains(ControlKind::kCuMask)) {
      host_.kfd.set_cu_mask(pid_, kernel_id, every_cu(), ignore);
    }
    if (held.contains(ControlKind::kReset) || held.contains(ControlKind::kSelectiveUnmap)) {
      host_.kfd.selective_map(pid_, {kernel_id}, [](long, const auto&) {});
    }
  }
  show_all();
}

std::vector<std::uint32_t> SimSession::every_cu() const {
  const std::uint32_t cus = host_.kfd.parameters(0).cus();
  return std::vector<std::uint32_t>((cus + kBitsPerWord - 1) / kBitsPerWord, ~std::uint32_t{0});
}

}  // namespace gpreempt::sim
