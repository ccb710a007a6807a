#include "core/decision.h"

#include <string_view>

namespace gpreempt {

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kNoOnlineWork: return "no-online-work";
    case Reason::kOnlineBusy: return "online-busy";
    case Reason::kHold: return "hold";
    case Reason::kSliceEnded: return "slice-ended";
    case Reason::kGap: return "gap";
    case Reason::kPolicyNeverActs: return "policy-never-acts";
    case Reason::kLateQueue: return "late-queue";
    case Reason::kQuarantine: return "quarantine";
    case Reason::kShutdown: return "shutdown";
    case Reason::kStallLimit: return "stall-limit";
    case Reason::kOutranked: return "outranked";
    case Reason::kWouldMiss: return "would-miss";
    case Reason::kSlack: return "slack";
    case Reason::kBudgetSpent: return "budget-spent";
    case Reason::kWaiting: return "waiting";
    case Reason::kOthersTurn: return "others-turn";
    case Reason::kOwnTurn: return "own-turn";
    case Reason::kMinRun: return "min-run";
    case Reason::kHoldOff: return "hold-off";
    case Reason::kNoCredit: return "no-credit";
  }
  return "unknown";
}

std::string_view to_string(TermName name) {
  switch (name) {
    case TermName::kBusyNs: return "busy_ns";
    case TermName::kIdleNs: return "idle_ns";
    case TermName::kHeldNs: return "held_ns";
    case TermName::kLimitNs: return "limit_ns";
    case TermName::kSlackNs: return "slack_ns";
    case TermName::kServiceNs: return "service_ns";
    case TermName::kCostNs: return "cost_ns";
    case TermName::kBenefitNs: return "benefit_ns";
    case TermName::kLossPpm: return "loss_ppm";
    case TermName::kBudgetPpm: return "budget_ppm";
    case TermName::kLagNs: return "lag_ns";
    case TermName::kRequestsCount: return "requests_count";
    case TermName::kPriorityLevel: return "priority_level";
    case TermName::kLevelCount: return "level_count";
  }
  return "unknown";
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRun: return "run";
    case Verdict::kSuspend: return "suspend";
  }
  return "unknown";
}

}  // namespace gpreempt
