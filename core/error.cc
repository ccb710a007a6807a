#include "core/error.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace gpreempt {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument: return "invalid-argument";
    case Errc::kUnsupported: return "unsupported";
    case Errc::kNotPermitted: return "not-permitted";
    case Errc::kNoSuchDevice: return "no-such-device";
    case Errc::kNoSuchQueue: return "no-such-queue";
    case Errc::kBusy: return "busy";
    case Errc::kTimedOut: return "timed-out";
    case Errc::kHardwareFailure: return "hardware-failure";
    case Errc::kProcessExited: return "process-exited";
    case Errc::kParse: return "parse";
    case Errc::kIo: return "io";
    case Errc::kInterrupted: return "interrupted";
    case Errc::kInternal: return "internal";
  }
  return "unknown";
}

namespace detail {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "gpreempt: internal error: %s does not hold (%s:%d); please report it\n",
               expression, file, line);
  std::abort();
}

}  // namespace detail
}  // namespace gpreempt
