#pragma once

#include "core/error.h"

namespace gpreempt::cli {

/// What the process returns; part of the interface.
enum class ExitCode {
  kOk = 0,
  kGateFailed = 1,
  kRefused = 2,  ///< usage, or input that was read and refused
  kEnvironment = 3,
  kInternal = 4,  ///< a defect of gpreempt
};

[[nodiscard]] constexpr ExitCode exit_code_for(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kUnsupported:
    case Errc::kParse: return ExitCode::kRefused;
    case Errc::kNotPermitted:
    case Errc::kNoSuchDevice:
    case Errc::kNoSuchQueue:
    case Errc::kBusy:
    case Errc::kHardwareFailure:
    case Errc::kProcessExited:
    case Errc::kInterrupted:
    case Errc::kIo: return ExitCode::kEnvironment;
    case Errc::kTimedOut:
    case Errc::kInternal: break;
  }
  return ExitCode::kInternal;
}

}  // namespace gpreempt::cli
