#pragma once

#include <span>
#include <string>

#include "core/error.h"
#include "validation/target.h"

/// What `gpreempt validate` prints.
namespace gpreempt::cli {

struct ValidatedTarget {
  const validation::Target* target = nullptr;
  Result<validation::Answer> answer;
  /// kFail where the target could not be run.
  validation::Verdict verdict = validation::Verdict::kFail;
};

[[nodiscard]] std::string validation_text(std::span<const ValidatedTarget> targets);
[[nodiscard]] std::string validation_json(std::span<const ValidatedTarget> targets);
/// docs/validation.md.
[[nodiscard]] std::string validation_document(std::span<const ValidatedTarget> targets);

}  // namespace gpreempt::cli
