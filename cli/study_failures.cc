#include "cli/study_failures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "cli/study_quantity.h"
#include "study/schedule.h"

namespace gpreempt::cli {
namespace {

constexpr std::size_t kMostFailures = 40;

/// Runs that failed with the same words.
struct Failure {
  const study::Row* first = nullptr;
  std::size_t runs = 0;
};

std::string lines_of(const std::vector<Failure>& failures) {
  std::string lines;
  for (std::size_t i = 0; i < std::min(failures.size(), kMostFailures); ++i) {
    const study::Row& first = *failures[i].first;
    const std::string others =
        failures[i].runs == 1 ? "" : fmt::format(" and {}", counted(failures[i].runs - 1, "other"));
    lines +=
        fmt::format("  point {}, seed {}{}: {}\n", first.point, first.seed, others, first.error);
  }
  return failures.size() > kMostFailures
             ? lines + fmt::format("  [... {} more]\n", failures.size() - kMostFailures)
             : lines;
}

}  // namespace

std::string failures_text(const std::vector<study::Row>& rows) {
  std::vector<Failure> failures;
  std::size_t failed = 0;
  for (const study::Row& row : rows) {
    if (row.error.empty()) {
      continue;
    }
    ++failed;
    const auto same = std::ranges::find_if(
        failures, [&](const Failure& one) { return one.first->error == row.error; });
    if (same == failures.end()) {
      failures.push_back({.first = &row, .runs = 1});
    } else {
      ++same->runs;
    }
  }
  if (failed == 0) {
    return "";
  }
  return fmt::format("{}{} failed\n{}", failed == rows.size() && failed > 1 ? "all " : "",
                     counted(failed, "run"), lines_of(failures));
}

}  // namespace gpreempt::cli
