#include "core/gang_options.h"

#include <string_view>

namespace gpreempt {

std::string_view to_string(GangOrder order) {
  switch (order) {
    case GangOrder::kMember: return "member";
    case GangOrder::kReverse: return "reverse";
    case GangOrder::kSlowestFirst: return "slowest-first";
  }
  return "unknown";
}

std::string_view to_string(GangSplit split) {
  switch (split) {
    case GangSplit::kTogether: return "together";
    case GangSplit::kPerGpu: return "per-gpu";
    case GangSplit::kOneByOne: return "one-by-one";
    case GangSplit::kStaggered: return "staggered";
  }
  return "unknown";
}

std::string_view to_string(GangFailure on_failure) {
  switch (on_failure) {
    case GangFailure::kHold: return "hold";
    case GangFailure::kRelease: return "release";
  }
  return "unknown";
}

}  // namespace gpreempt
