#include "core/testbed.h"

#include <string_view>

namespace gpreempt {

std::string_view to_string(DriverPhase phase) {
  switch (phase) {
    case DriverPhase::kNone: return "none";
    case DriverPhase::kIssue: return "issue";
    case DriverPhase::kLock: return "lock";
    case DriverPhase::kUnmap: return "unmap";
    case DriverPhase::kSave: return "save";
    case DriverPhase::kMap: return "map";
    case DriverPhase::kRestore: return "restore";
    case DriverPhase::kCopy: return "copy";
  }
  return "unknown";
}

}  // namespace gpreempt
