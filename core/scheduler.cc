#include "core/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/policy.h"
#include "core/scheduler_state.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr std::uint32_t kMaxPriority = 15;

Verdict other(Verdict verdict) {
  return verdict == Verdict::kRun ? Verdict::kSuspend : Verdict::kRun;
}

ControlKind control_of(Verdict verdict) {
  return verdict == Verdict::kRun ? ControlKind::kResume : ControlKind::kSuspend;
}

template <class... Handlers>
struct Overload : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overload(Handlers...) -> Overload<Handlers...>;

}  // namespace

void Actions::clear() {
  items.clear();
  ids.clear();
  decisions.clear();
  realisations.clear();
}

void Scheduler::State::begin(Instant now, Actions& out) {
  GPREEMPT_CHECK(now >= last_now);
  last_now = now;
  out.clear();
}

void Scheduler::State::evaluate(StepContext& step) {
  if (shutting_down || (!policy_due && step.now < policy_deadline)) {
    return;
  }
  policy_due = false;
  wants.resize(member_views.size());
  const StateView view{.tenants = tenant_views, .members = member_views};
  policy_state.members = notes;
  const Instant asked = policy->decide(view, step.now, policy_state, wants);
  // A policy that asks for the past would otherwise stop the clock of a simulated world.
  policy_deadline = std::max(asked, saturating_add(step.now, Duration{1}));
  heed_gangs(step.now);
  const std::span<const Want> wishes = wants;
  const std::span<const MemberView> views = member_views;
  const auto count = static_cast<std::uint32_t>(wishes.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    if (wishes[i].changes(views[i])) {
      record(i, wishes[i], step);
      change_verdict(i, wishes[i].verdict, step.now);
      mark_dirty(targets[members[i].target]);
    }
  }
}

void Scheduler::State::change_verdict(std::uint32_t member, Verdict verdict, Instant now) {
  MemberView& view = member_views[member];
  view.ran_before = view.ran(now);
  view.current = verdict;
  view.since = now;
}

void Scheduler::State::record(std::uint32_t member, const Want& want, StepContext& step) {
  TrackedMember& tracked = members[member];
  const ControlKind kind = control_of(want.verdict);
  ++last_sequence;
  tracked.open = {.active = true, .sequence = last_sequence, .kind = kind};
  step.out.decisions.push_back(
      {.sequence = last_sequence,
       .at = step.now,
       .tenant = member_views[member].tenant,
       .target = targets[tracked.target].id,
       .gpu = member_views[member].gpu,
       .verdict = want.verdict,
       .reason = want.reason,
       .cause = want.cause,
       .rejected = other(want.verdict),
       .predicted_cost = want.verdict == Verdict::kRun ? member_views[member].resume_cost
                                                       : member_views[member].suspend_cost,
       .terms = GPREEMPT_MUTANT("decision-without-terms") ? Terms{} : want.terms});
}

void Scheduler::State::reconcile_dirty(StepContext& step) {
  for (const std::uint32_t index : dirty_targets) {
    targets[index].dirty = false;
    reconcile(targets[index], step);
  }
  dirty_targets.clear();
}

Scheduler::Scheduler(std::unique_ptr<const Policy> policy, SchedulerOptions options)
    : state_(std::make_unique<State>()) {
  GPREEMPT_CHECK(policy != nullptr);
  GPREEMPT_CHECK(options.lease > Duration::zero());
  state_->sees_requests = policy->needs().requests;
  state_->policy = std::move(policy);
  state_->options = std::move(options);
}
Scheduler::~Scheduler() = default;
Scheduler::Scheduler(Scheduler&&) noexcept = default;
Scheduler& Scheduler::operator=(Scheduler&&) noexcept = default;

Result<TenantId> Scheduler::add_tenant(const TenantSpec& spec) {
  State& state = *state_;
  if (spec.priority > kMaxPriority) {
    return fail(Errc::kInvalidArgument,
                fmt::format("adding tenant '{}': priority {} is over 15; choose 0 to 15", spec.name,
                            spec.priority));
  }
  if (spec.weight == 0 || spec.promise <= Duration::zero()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("adding tenant '{}': its weight and its promised latency must be over "
                            "zero; choose 1 if tenants are equal",
                            spec.name));
  }
  for (std::size_t i = 0; i < spec.targets.size(); ++i) {
    const TargetId id = spec.targets[i];
    const auto known = state.target_index.find(id);
    const bool taken = known != state.target_index.end() &&
                       state.targets[known->second].tenant != detail::kNoIndex;
    if (taken ||
        std::find(spec.targets.begin(), spec.targets.begin() + static_cast<std::ptrdiff_t>(i),
                  id) != spec.targets.begin() + static_cast<std::ptrdiff_t>(i)) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("adding tenant '{}': target {} is already in a tenant; name each "
                              "target once",
                              spec.name, id));
    }
  }
  const auto index = static_cast<std::uint32_t>(state.tenants.size());
  state.tenants.push_back({.name = spec.name,
                           .busy_targets = 0,
                           .gpus = {},
                           .gpu_queues = {},
                           .targets = {},
                           .stall_limit = spec.stall_limit});
  state.heeds_gangs = state.heeds_gangs || spec.stall_limit != Duration::max();
  state.tenant_views.push_back({.id = TenantId(index),
                                .cls = spec.cls,
                                .priority = spec.priority,
                                .busy = false,
                                .busy_since = {},
                                .idle_since = {},
                                .gpus = {},
                                .weight = spec.weight,
                                .promise = spec.promise});
  for (const TargetId id : spec.targets) {
    state.claim(state.entry(id), index);
  }
  state.policy_due = true;
  return TenantId(index);
}

void Scheduler::step(const Event* event, Instant now, Actions& out) {
  State& state = *state_;
  state.begin(now, out);
  detail::StepContext step{.now = now, .out = out};
  if (event != nullptr) {
    std::visit(Overload{[&](const AttachDone& e) { state.attached(e, now); },
                        [&](const DetachDone& e) { state.drop_target(e.target, now); },
                        [&](const ControlDone& e) { state.finished(e, step); },
                        [&](const LeaseExpired& e) { state.lease_expired(e); },
                        [&](const QueueBorn& e) { state.born(e.queue, step); },
                        [&](const QueueGone& e) { state.gone(e, now); },
                        [&](const ActivityEdge& e) { state.activity(e, now); },
                        [&](const WorkArrived& e) { state.work_arrived(e, now); },
                        [&](const WorkFinished& e) { state.work_finished(e, now); },
                        [&](const TargetExited& e) { state.drop_target(e.target, now); },
                        [](const ExceptionRaised&) {}, [](const InspectDone&) {}},
               event->what);
  }
  state.evaluate(step);
  state.go_on_in_turn(step);
  state.reconcile_dirty(step);
}

void Scheduler::issued(const Action& action, RequestId request) { state_->issued(action, request); }

void Scheduler::refused(const Action& action, const Error& /*error*/, Instant /*now*/) {
  state_->undo(action);
}

void Scheduler::shut_down(Instant now, Actions& out) {
  State& state = *state_;
  state.begin(now, out);
  detail::StepContext step{.now = now, .out = out};
  state.shutting_down = true;
  for (std::uint32_t i = 0; i < state.members.size(); ++i) {
    const MemberView& member = state.member_views[i];
    if (member.current == Verdict::kSuspend && !GPREEMPT_MUTANT("shut-down-keeps-off")) {
      state.change_verdict(i, Verdict::kRun, now);
      state.record(
          i, {.verdict = Verdict::kRun, .reason = Reason::kShutdown, .cause = member.tenant}, step);
    }
    state.mark_dirty(state.targets[state.members[i].target]);
  }
  state.reconcile_dirty(step);
}

Instant Scheduler::deadline() const {
  if (state_->shutting_down) {
    return kForever;
  }
  // Targets are left over only by a call that was refused.
  return state_->policy_due || !state_->dirty_targets.empty()
             ? Instant::min()
             : std::min(state_->policy_deadline, state_->gang_deadline);
}

bool Scheduler::quiescent() const {
  return std::all_of(
      state_->targets.begin(), state_->targets.end(),
      [this](const detail::TrackedTarget& target) { return state_->at_rest(target); });
}

const SchedulerOptions& Scheduler::options() const { return state_->options; }

const std::string& Scheduler::tenant_name(TenantId id) const {
  GPREEMPT_CHECK(id.value() < state_->tenants.size());
  return state_->tenants[id.value()].name;
}

}  // namespace gpreempt
