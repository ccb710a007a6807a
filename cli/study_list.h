#pragma once

#include <string>

#include "cli/option_values.h"
#include "core/error.h"

namespace gpreempt::cli {

/// The studies that `gpreempt study NAME` finds without a file, each with its question.
/// Errors: kParse (an embedded study is none; tests see to it that none is).
[[nodiscard]] Result<std::string> list_of_studies(OutputFormat format);

}  // namespace gpreempt::cli
