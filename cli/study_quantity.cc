#include "cli/study_quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/report_text.h"
#include "core/time.h"
#include "study/analysis/interval.h"

namespace gpreempt::cli {
namespace {

enum class Unit { kTime, kShare, kBytes, kNumber };

Unit unit_of(std::string_view metric) {
  constexpr std::array<std::string_view, 3> kTimes = {"_ns", "work_done", "work_alone"};
  constexpr std::array<std::string_view, 2> kShares = {"loss", "overhead"};
  const auto is_in = [&](std::string_view part) {
    return metric.find(part) != std::string_view::npos;
  };
  if (std::ranges::any_of(kTimes, is_in)) {
    return Unit::kTime;
  }
  if (std::ranges::any_of(kShares, is_in)) {
    return Unit::kShare;
  }
  return is_in("bytes") ? Unit::kBytes : Unit::kNumber;
}

/// Whether what is shown of a number is nothing.
bool is_zero(std::string_view text) {
  return text.find_first_of("123456789") == std::string_view::npos;
}

std::string without_sign_of_zero(std::string text) {
  if (text.starts_with('-') && is_zero(text)) {
    text.erase(0, 1);
  }
  return text;
}

/// The last `parts` parts of a dotted path.
std::string_view tail_of(std::string_view path, std::size_t parts) {
  std::size_t from = path.size();
  for (std::size_t i = 0; i < parts && from != std::string_view::npos; ++i) {
    from = from == 0 ? std::string_view::npos : path.rfind('.', from - 1);
  }
  return from == std::string_view::npos ? path : path.substr(from + 1);
}

}  // namespace

std::string metric_text(std::string_view metric, double value) {
  if (!std::isfinite(value)) {
    return "-";
  }
  switch (unit_of(metric)) {
    case Unit::kTime: return human_time(Duration(std::llround(value)));
    case Unit::kShare: return without_sign_of_zero(fmt::format("{:.2f} %", 100 * value));
    case Unit::kBytes:
      return value < 0 ? fmt::format("{:.4g} B", value)
                       : human_bytes(static_cast<std::uint64_t>(std::llround(value)));
    case Unit::kNumber: break;
  }
  return without_sign_of_zero(fmt::format("{:.4g}", value));
}

std::string metric_change_text(std::string_view metric, double value) {
  const std::string text = metric_text(metric, value);
  return (value > 0 && !is_zero(text) ? "+" : "") + text;
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string limit_text(std::string_view metric, std::string_view label) {
  return fmt::format("{} {}{}", metric, label == "none" ? "" : "at most ", label);
}

std::string pareto_title(bool by_work) {
  return fmt::format("Pareto front: nobody {}is better in both",
                     by_work ? "with the same work " : "");
}

std::string metric_text(std::string_view metric, const study::Interval& interval) {
  if (!interval.is_bounded()) {
    return metric_text(metric, interval.mean);
  }
  return fmt::format("{} ({} .. {})", metric_text(metric, interval.mean),
                     metric_text(metric, interval.lo), metric_text(metric, interval.hi));
}

std::vector<std::string> short_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    std::size_t parts = 1;
    const auto same_tail = [&](const std::string& other) {
      return &other != &path && tail_of(other, parts) == tail_of(path, parts);
    };
    while (tail_of(path, parts) != path && std::ranges::any_of(paths, same_tail)) {
      ++parts;
    }
    names.emplace_back(tail_of(path, parts));
  }
  return names;
}

}  // namespace gpreempt::cli
