#include "cli/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/event_reader.h"
#include "cli/recorded_run.h"
#include "cli/replay.h"
#include "cli/request_parts.h"
#include "cli/request_verdict.h"
#include "cli/requests_reader.h"
#include "cli/saved_bundle.h"
#include "cli/what_if.h"
#include "config/document.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

bool contains(std::span<const GpuId> gpus, GpuId gpu) {
  return std::ranges::find(gpus, gpu) != gpus.end();
}

bool same_opinion(const Opinion& a, const Opinion& b) {
  return a.member == b.member && a.want.verdict == b.want.verdict && a.want.reason == b.want.reason;
}

/// A policy, and what it wanted while a request was there.
class OverheardPolicy final : public Policy {
 public:
  OverheardPolicy(std::unique_ptr<const Policy> policy, const RequestRecord& request,
                  std::span<const GpuId> gpus, std::vector<Opinion>& opinions)
      : policy_(std::move(policy)), request_(request), gpus_(gpus), opinions_(opinions) {}

  [[nodiscard]] std::string_view name() const override { return policy_->name(); }
  [[nodiscard]] PolicyNeeds needs() const override { return policy_->needs(); }
  Instant decide(const StateView& view, Instant now, PolicyState& state,
                 std::span<Want> wants) const override {
    std::vector<MemberView> members(view.members.begin(), view.members.end());
    for (MemberView& member : members) {
      member.is_explained = true;
    }
    const Instant again =
        policy_->decide({.tenants = view.tenants, .members = members}, now, state, wants);
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      if (now >= request_.arrival && now < request_.end && contains(gpus_, member.gpu)) {
        note({.at = now,
              .member = i,
              .tenant = member.tenant,
              .gpu = member.gpu,
              .want = wants[i],
              .decided = wants[i].verdict != member.current});
      }
    }
    return again;
  }

 private:
  void note(const Opinion& opinion) const {
    const auto last = std::find_if(opinions_.rbegin(), opinions_.rend(), [&](const Opinion& each) {
      return each.member == opinion.member;
    });
    if (last != opinions_.rend() && same_opinion(*last, opinion)) {
      ++last->asked;
    } else {
      opinions_.push_back(opinion);
    }
  }

  std::unique_ptr<const Policy> policy_;
  const RequestRecord& request_;
  std::span<const GpuId> gpus_;
  std::vector<Opinion>& opinions_;
};

Result<const LoggedTenant*> find_tenant(const RecordedRun& run, const std::string& name) {
  std::vector<std::string_view> online;
  const LoggedTenant* found = nullptr;
  for (const LoggedTenant& tenant : run.tenants) {
    if (tenant.spec.cls == TenantClass::kOnline) {
      online.emplace_back(tenant.spec.name);
      if (name.empty() || tenant.spec.name == name) {
        found = &tenant;
      }
    }
  }
  if (found == nullptr || (name.empty() && online.size() > 1)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("choose the tenant of the request: {}; write --tenant with an Online "
                            "tenant: {}",
                            name.empty() ? std::string("there is not just one")
                                         : fmt::format("no Online tenant is called '{}'", name),
                            fmt::join(online, " ")));
  }
  return found;
}

/// Finds the request, and counts those of its tenant.
Result<void> find_request(const SavedBundle& bundle, std::uint64_t number, Explanation& out) {
  bool found = false;
  for (const SavedRequest& saved : bundle.requests) {
    if (saved.tenant != out.tenant) {
      continue;
    }
    const RequestRecord& record = saved.record;
    if (saved.policy == out.run.policy) {
      ++out.requests;
      if (record.request == number) {
        found = true;
        out.request = record;
      }
    } else if (saved.policy == "online-alone" && record.request == number &&
               record.end != kForever) {
      out.alone = record.end - record.arrival;
    }
  }
  if (!found) {
    return fail(Errc::kInvalidArgument,
                out.requests == 0
                    ? fmt::format("find request {} of tenant {} under {}: it has no requests",
                                  number, out.tenant, out.run.policy)
                    : fmt::format("find request {} of tenant {} under {}: its requests are 0 to "
                                  "{}; choose one of them",
                                  number, out.tenant, out.run.policy, out.requests - 1));
  }
  return {};
}

/// Looks for what told the scheduler of a request.
class Detector {
 public:
  Detector(const TenantSpec& tenant, Explanation& out) : tenant_(tenant), out_(out) {}

  void event(const Event& event, Instant now) {
    if (const auto* const hint = std::get_if<WorkArrived>(&event.what);
        hint != nullptr && is_ours(hint->target)) {
      hints_ = true;
      if (hint->request == out_.request.request && !out_.told_at) {
        out_.told = Told::kHint;
        out_.told_at = now;
      }
    }
    if (const auto* const edge = std::get_if<ActivityEdge>(&event.what);
        edge != nullptr && is_ours(edge->target) && !hints_) {
      if (now <= out_.request.arrival) {
        busy_[edge->target] = edge->busy;
      } else if (edge->busy && !first_edge_ && now < out_.request.end) {
        first_edge_ = now;
      }
    }
  }
  void finish() {
    if (hints_) {
      return;
    }
    if (std::ranges::any_of(busy_, [](const auto& each) { return each.second; })) {
      out_.told = Told::kAlready;
    } else if (first_edge_) {
      out_.told = Told::kEdge;
      out_.told_at = first_edge_;
    }
  }

 private:
  [[nodiscard]] bool is_ours(TargetId target) const {
    return std::ranges::find(tenant_.targets, target) != tenant_.targets.end();
  }

  const TenantSpec& tenant_;
  Explanation& out_;
  bool hints_ = false;
  std::map<TargetId, bool> busy_;  ///< at the arrival
  std::optional<Instant> first_edge_;
};

/// Puts decisions and what they cost together.
class Accounts {
 public:
  explicit Accounts(const RecordedRun& run) {
    for (const RecordedStep& step : run.steps) {
      for (const LogLine* const line : step.said) {
        if (const auto* const decision = std::get_if<Decision>(&line->entry)) {
          decide(*decision);
        } else if (const auto* const cost = std::get_if<Realisation>(&line->entry)) {
          costs_[cost->sequence] = *cost;
        }
      }
    }
  }
  /// Those that overlap a request on its GPUs.
  [[nodiscard]] std::vector<TimeOff> seen_by(const RequestRecord& request,
                                             std::span<const GpuId> gpus) {
    std::vector<TimeOff> seen;
    for (TimeOff& each : all_) {
      const bool overlaps =
          each.off.at < request.end && (!each.back || each.back->at > request.arrival);
      if (overlaps && contains(gpus, each.off.gpu)) {
        each.off_cost = cost_of(each.off.sequence);
        each.back_cost = each.back ? cost_of(each.back->sequence) : std::nullopt;
        seen.push_back(each);
      }
    }
    return seen;
  }

 private:
  void decide(const Decision& decision) {
    const auto member = std::pair(decision.target, decision.gpu);
    const auto open = open_.find(member);
    if (decision.verdict == Verdict::kRun) {
      if (open != open_.end()) {
        all_[open->second].back = decision;
        open_.erase(open);
      }
    } else if (open == open_.end()) {
      open_[member] = all_.size();
      all_.push_back({.off = decision, .off_cost = {}, .back = {}, .back_cost = {}});
    }
  }
  [[nodiscard]] std::optional<Realisation> cost_of(std::uint64_t sequence) const {
    const auto found = costs_.find(sequence);
    return found == costs_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<TimeOff> all_;
  std::map<std::pair<TargetId, GpuId>, std::size_t> open_;
  std::map<std::uint64_t, Realisation> costs_;
};

/// Decisions that did not come from the policy's wish.
bool is_overruling(Reason reason) {
  return reason == Reason::kStallLimit || reason == Reason::kQuarantine ||
         reason == Reason::kLateQueue || reason == Reason::kShutdown;
}

Result<void> ask_policy(const RecordedRun& run, Explanation& out) {
  std::unique_ptr<Policy> policy;
  GPREEMPT_TRY(store(policy, make_policy(run.header.policy)));
  Replay replayed;
  GPREEMPT_TRY(
      store(replayed, replay(run, std::make_unique<OverheardPolicy>(std::move(policy), out.request,
                                                                    out.gpus, out.opinions))));
  if (replayed.difference) {
    return fail(Errc::kParse,
                fmt::format("replay the run of {}: its decisions are not made again from line {} "
                            "on, so they cannot be explained; see 'gpreempt replay', or make the "
                            "bundle again",
                            run.header.policy, replayed.difference->line));
  }
  return {};
}

/// When a decision took Offline off for the request.
std::optional<Instant> decided_at(const Explanation& out) {
  for (const TimeOff& off : out.off) {
    if (off.off.at >= out.request.arrival) {
      return off.off.at;
    }
  }
  return std::nullopt;
}

void measure_request(Explanation& out) {
  if (out.request.end == kForever) {
    return;
  }
  out.parts = parts_of(out.request, out.told_at, decided_at(out));
  const auto time_in = [&](DriverPhase phase) {
    return out.request.phases.at(static_cast<std::size_t>(phase));
  };
  out.bystander = time_in(DriverPhase::kUnmap) + time_in(DriverPhase::kSave) +
                  time_in(DriverPhase::kMap) + time_in(DriverPhase::kRestore);
}

}  // namespace

std::string_view to_string(Told told) {
  switch (told) {
    case Told::kHint: return "hint";
    case Told::kEdge: return "edge";
    case Told::kAlready: return "already-busy";
    case Told::kNever: return "never";
  }
  return "unknown";
}

Result<Explanation> explain(const SavedBundle& bundle, const Question& question) {
  const RecordedRun* run = nullptr;
  GPREEMPT_TRY(store(run, find_run(bundle, question.policy, "--policy")));
  const LoggedTenant* tenant = nullptr;
  GPREEMPT_TRY(store(tenant, find_tenant(*run, question.tenant)));
  Explanation out;
  out.run = run->header;
  out.tenant = tenant->spec.name;
  GPREEMPT_TRY(find_request(bundle, question.request, out));
  out.gpus = gpus_of(*run, tenant->spec);
  for (const LoggedTenant& each : run->tenants) {
    out.tenants.push_back(each.spec.name);
  }
  Detector detector(tenant->spec, out);
  for (const RecordedStep& step : run->steps) {
    if (step.event != nullptr) {
      detector.event(*step.event, step.at);
    }
  }
  detector.finish();
  GPREEMPT_TRY(ask_policy(*run, out));
  const std::vector<Decision> decisions = decisions_of(*run);
  out.verdict = OffTimes(decisions).verdict(out.request, out.gpus);
  std::ranges::copy_if(decisions, std::back_inserter(out.overruled), [&](const Decision& each) {
    return is_overruling(each.reason) && each.at >= out.request.arrival &&
           each.at < out.request.end && contains(out.gpus, each.gpu);
  });
  out.off = Accounts(*run).seen_by(out.request, out.gpus);
  measure_request(out);
  return out;
}

}  // namespace gpreempt::cli
