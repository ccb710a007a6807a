#include "core/occupancy.h"

#include <string_view>

namespace gpreempt {

std::string_view to_string(Occupancy occupancy) {
  switch (occupancy) {
    case Occupancy::kRunning: return "running";
    case Occupancy::kUnmapping: return "unmapping";
    case Occupancy::kSaving: return "saving";
    case Occupancy::kSuspended: return "suspended";
    case Occupancy::kRestoring: return "restoring";
    case Occupancy::kBystander: return "bystander";
    case Occupancy::kWaiting: return "waiting";
    case Occupancy::kGone: return "gone";
  }
  return "unknown";
}

}  // namespace gpreempt
