#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

/// Two results in the schema of summary.json, side by side.
namespace gpreempt::cli {

/// What a compared number is, for its text.
enum class Measure { kTime, kFraction, kCount };

/// One number of both sides; nullopt where a side has none.
struct ComparedRow {
  std::string_view metric;  ///< "online p99"
  Measure measure = Measure::kTime;
  std::optional<double> left;  ///< nanoseconds, a fraction, or a count
  std::optional<double> right;
  /// right / left; nullopt without both, or where left is 0.
  [[nodiscard]] std::optional<double> ratio() const;
};

struct ComparedPolicy {
  std::string left;  ///< the policy's name on each side; the same unless each side has but one
  std::string right;
  std::vector<ComparedRow> rows;
};

struct Comparison {
  std::string left;  ///< as the user named the sides
  std::string right;
  std::vector<ComparedPolicy> policies;
  /// What differs besides the numbers: a reader must know it before the numbers mean anything.
  std::vector<std::string> notes;
};

/// One side: the name it goes by, and its summary.json.
struct Side {
  std::string name;
  std::string json;
};

/// Policies are matched by name, in the order of the left side; if each side has just one, these
/// two. Errors: kParse (not a summary of schema 1), kInvalidArgument (no policy in common).
[[nodiscard]] Result<Comparison> compare(const Side& left, const Side& right);

[[nodiscard]] std::string comparison_text(const Comparison& comparison);
[[nodiscard]] std::string comparison_json(const Comparison& comparison);

}  // namespace gpreempt::cli
