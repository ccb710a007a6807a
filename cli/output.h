#pragma once

#include <string>

#include "core/error.h"

namespace gpreempt::cli {

/// Writes a result to stdout. Errors: kIo (it cannot be written).
[[nodiscard]] Result<void> print(const std::string& text);

}  // namespace gpreempt::cli
