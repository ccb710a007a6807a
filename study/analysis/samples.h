#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "study/analysis/interval.h"
#include "study/table.h"

/// A table's runs by point and seed, and the estimates that all analyses are made of.
namespace gpreempt::study {

/// Points and the weight of each: "b minus a" is {a: -1, b: 1}.
using Contrast = std::map<std::size_t, double>;

class Samples {
 public:
  /// `table` must outlive it. Shape: indices in it are within their bounds.
  Samples(const Table& table, bool paired, double confidence);

  [[nodiscard]] const Table& table() const { return *table_; }
  [[nodiscard]] bool is_paired() const { return paired_; }
  [[nodiscard]] double confidence() const { return confidence_; }
  /// Whether a point has a sample of a metric.
  [[nodiscard]] bool has(std::size_t point, std::size_t metric) const;
  /// Runs of a point, with or without a sample.
  [[nodiscard]] std::size_t runs(std::size_t point) const { return runs_.at(point); }

  /// The weighted sum of the points' values. Paired: of each seed that has a sample at every point,
  /// then the mean of those, so that what a seed does to all points alike cancels. Otherwise the
  /// sum of the points' means. A contrast with a point without samples has no mean.
  [[nodiscard]] Interval estimate(const Contrast& contrast, std::size_t metric) const;

 private:
  [[nodiscard]] Interval estimate_paired(const Contrast& contrast, std::size_t metric) const;
  [[nodiscard]] Interval estimate_apart(const Contrast& contrast, std::size_t metric) const;

  const Table* table_;
  bool paired_;
  double confidence_;
  std::vector<std::size_t> runs_;
  /// By point and metric: the samples by seed, without NaN.
  std::vector<std::vector<std::map<std::uint64_t, double>>> values_;
};

/// The mean over points, each with the same weight.
[[nodiscard]] Contrast mean_of(std::span<const std::size_t> points);
/// `b` minus `a`.
[[nodiscard]] Contrast difference(const Contrast& a, const Contrast& b);

/// A level of some of the factors: {factor index, level index}, in the order of the factors.
using Setting = std::vector<std::pair<std::size_t, std::size_t>>;

/// What a person may choose: one level of each factor that is no prior. A configuration's points
/// differ in the priors' levels only.
struct Configuration {
  Setting setting;
  std::vector<std::size_t> points;
};
/// In the order of their first point.
[[nodiscard]] std::vector<Configuration> configurations(const Table& table);

}  // namespace gpreempt::study
