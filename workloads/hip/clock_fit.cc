#include "workloads/hip/clock_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::hip {
namespace {

constexpr std::size_t kParts = 16;
constexpr std::int64_t kWideFactor = 2;

/// A sample relative to the first one: numbers small enough for doubles.
struct Point {
  double ticks = 0;
  double before = 0;
  double after = 0;
  [[nodiscard]] double middle() const { return (before + after) / 2; }
  [[nodiscard]] double width() const { return after - before; }
};

double signed_difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<double>(static_cast<std::int64_t>(a - b));
}

Result<std::vector<Point>> points_of(std::span<const ClockSample> samples) {
  std::vector<Point> points;
  points.reserve(samples.size());
  const ClockSample& first = samples.front();
  for (const ClockSample& sample : samples) {
    if (sample.after < sample.before) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("fit the GPU's clock: a reading ends {} ns before it begins; the "
                              "host's clock went backwards",
                              to_ns(sample.before - sample.after)));
    }
    points.push_back({.ticks = signed_difference(sample.ticks, first.ticks),
                      .before = static_cast<double>(to_ns(sample.before - first.before)),
                      .after = static_cast<double>(to_ns(sample.after - first.before))});
  }
  std::ranges::sort(points, {}, &Point::ticks);
  return points;
}

/// Of each part of the time the points with narrow brackets.
std::vector<Point> narrow_ones(const std::vector<Point>& points) {
  const double begin = points.front().ticks;
  const double length = (points.back().ticks - begin) / kParts;
  std::vector<Point> narrow;
  auto from = points.begin();
  for (std::size_t part = 1; part <= kParts && from != points.end(); ++part) {
    const double limit = begin + length * static_cast<double>(part);
    const auto to =
        part == kParts ? points.end() : std::find_if(from, points.end(), [&](const Point& point) {
          return point.ticks > limit;
        });
    if (from == to) {
      continue;
    }
    const double best = std::ranges::min_element(from, to, {}, &Point::width)->width();
    std::copy_if(from, to, std::back_inserter(narrow), [&](const Point& point) {
      return point.width() <= best * static_cast<double>(kWideFactor);
    });
    from = to;
  }
  return narrow;
}

struct Line {
  double slope = 0;
  double offset = 0;  ///< at ticks 0
};

Line line_through(const std::vector<Point>& points) {
  double mean_x = 0;
  double mean_y = 0;
  const auto count = static_cast<double>(points.size());
  for (const Point& point : points) {
    mean_x += point.ticks / count;
    mean_y += point.middle() / count;
  }
  double covariance = 0;
  double variance = 0;
  for (const Point& point : points) {
    covariance += (point.ticks - mean_x) * (point.middle() - mean_y);
    variance += (point.ticks - mean_x) * (point.ticks - mean_x);
  }
  const double slope = variance > 0 ? covariance / variance : 0;
  return {.slope = slope, .offset = mean_y - slope * mean_x};
}

Duration rounded(double ns) { return Duration(std::llround(ns)); }

}  // namespace

Instant ClockFit::at(std::uint64_t ticks) const {
  return origin + rounded(signed_difference(ticks, origin_ticks) * ns_per_tick);
}

Duration ClockFit::span(std::uint64_t ticks) const {
  return rounded(static_cast<double>(ticks) * ns_per_tick);
}

Result<ClockFit> fit_clock(std::span<const ClockSample> samples) {
  const bool differ = std::ranges::any_of(
      samples, [&](const ClockSample& sample) { return sample.ticks != samples.front().ticks; });
  if (!differ) {
    return fail(Errc::kInvalidArgument,
                fmt::format("fit the GPU's clock: {} readings and no two of them differ; take them "
                            "over a longer time",
                            samples.size()));
  }
  Result<std::vector<Point>> points = points_of(samples);
  GPREEMPT_TRY(points);
  const std::vector<Point> narrow = narrow_ones(*points);
  const Line line = line_through(narrow);
  if (!(line.slope > 0)) {
    return fail(Errc::kInvalidArgument,
                "fit the GPU's clock: it does not run forward with the host's; the readings are of "
                "different clocks");
  }
  double residual = 0;
  double narrowest = points->front().width();
  for (const Point& point : *points) {
    const double told = line.offset + line.slope * point.ticks;
    residual = std::max({residual, point.before - told, told - point.after});
    narrowest = std::min(narrowest, point.width());
  }
  return ClockFit{.origin_ticks = samples.front().ticks,
                  .origin = samples.front().before + rounded(line.offset),
                  .ns_per_tick = line.slope,
                  .residual = rounded(residual),
                  .uncertainty = rounded(narrowest / 2),
                  .used = narrow.size()};
}

}  // namespace gpreempt::hip
