#include "experiments/bystander_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/stats.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

Verdict judge_presence(const std::vector<BystanderPoint>& points) {
  Verdict verdict{.name = "bystander/is-preempted", .value = {}, .expected = "yes"};
  std::size_t all = 0;
  std::size_t spared = 0;
  for (const BystanderPoint& point : points) {
    all += point.off.size();
    spared += static_cast<std::size_t>(std::ranges::count(point.off, std::int64_t{0}));
  }
  verdict.answer = spared == all ? Answer::kNo : Answer::kYes;
  verdict.value = spared == all ? "no" : "yes";
  verdict.reason = fmt::format(
      "a process that nobody controls was off the GPU in {} of {} "
      "suspensions of another one",
      all - spared, all);
  add_agreement(verdict, spared == all ? all : all - spared, all);
  for (const BystanderPoint& point : points) {
    add_extent(verdict, fmt::format("{}_queues_", point.mapped_queues), Sample(point.off));
  }
  return verdict;
}

}  // namespace

std::vector<Verdict> judge_bystander(const std::vector<BystanderPoint>& points) {
  GPREEMPT_CHECK(points.size() >= 2);
  std::vector<double> queues;
  std::vector<double> medians;
  std::vector<Share> bands;
  for (const BystanderPoint& point : points) {
    queues.push_back(point.mapped_queues);
    bands.push_back(median_share(Sample(point.off), 1));
    medians.push_back(bands.back().value);
  }
  const Line line = fit_line(queues, medians);
  const Share& least = bands.front();
  const Share& most = bands.back();
  Verdict grows{
      .name = "bystander/grows-with-queues",
      .value = line.slope,
      .expected = {},
      .answer = Answer::kNotResolvable,
      .reason = {},
      .confidence = most.bounded && least.bounded ? std::optional(kConfidence) : std::nullopt,
      .numbers = {{"per_queue_ns", line.slope}, {"at_no_queue_ns", line.intercept}}};
  if (most.bounded && least.bounded && most.lo > least.hi) {
    grows.answer = Answer::kYes;
  } else if (most.bounded && least.bounded && most.hi < least.lo) {
    grows.answer = Answer::kNo;
  }
  grows.reason = fmt::format(
      "median time off for one suspension and its resume: {} ({} to {}) with {} queues mapped, {} "
      "({} "
      "to {}) with {}; each further idle queue costs {} by the line through all",
      words_of_ns(least.value), words_of_ns(least.lo), words_of_ns(least.hi),
      points.front().mapped_queues, words_of_ns(most.value), words_of_ns(most.lo),
      words_of_ns(most.hi), points.back().mapped_queues, words_of_ns(line.slope));
  grows.unit = "ns";
  return {judge_presence(points), grows};
}

}  // namespace gpreempt::experiments
