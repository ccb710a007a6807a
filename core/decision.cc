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
