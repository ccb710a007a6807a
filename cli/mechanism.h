#pragma once

#include <string_view>

#include "core/backend.h"
#include "core/error.h"

/// How queues are taken off a GPU, by name. One is offered; the others are known.
namespace gpreempt::cli {

/// Errors: kInvalidArgument (no mechanism of that name, or options; names the nearest).
[[nodiscard]] Result<void> check_mechanism_name(std::string_view text);

/// Errors: kUnsupported, with the backend's reason.
[[nodiscard]] Result<void> check_mechanism(std::string_view text, const BackendInfo& info);

}  // namespace gpreempt::cli
