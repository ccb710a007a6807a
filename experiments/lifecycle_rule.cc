#include "experiments/lifecycle_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/time.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

/// By when a model's queues are to be known after its start.
constexpr Duration kIdentifyLimit = std::chrono::seconds(5);

Verdict judge_identification(const LifeEvidence& life) {
  constexpr std::string_view kName = "lifecycle/identified";
  if (!life.identified) {
    return unavailable(std::string(kName),
                       "dumps do not tell how long the queues were looked for; run it where the "
                       "model runs");
  }
  const bool met = *life.identified <= kIdentifyLimit && !life.first.empty();
  return {.name = std::string(kName),
          .value = static_cast<double>(to_ns(*life.identified)),
          .expected = static_cast<double>(to_ns(kIdentifyLimit)),
          .answer = met ? Answer::kMet : Answer::kMissed,
          .reason = fmt::format("{} queues were known so long after the model's start, "
                                "which is {} 5 s",
                                life.first.size(), met ? "within" : "not within"),
          .numbers = {{"identified_ns", static_cast<double>(to_ns(*life.identified))}},
          .unit = "ns"};
}

Verdict judge_order(const LifeEvidence& life) {
  constexpr std::string_view kName = "lifecycle/creation-order";
  if (!life.no_ids.empty()) {
    return unavailable(std::string(kName), life.no_ids);
  }
  std::string order;
  bool ascending = true;
  for (std::size_t i = 0; i < life.first.size(); ++i) {
    const QueueInfo& queue = life.first[i];
    order +=
        fmt::format("{}{} {}", order.empty() ? "" : ", ", queue.kernel_id, to_string(queue.role));
    ascending = ascending && (i == 0 || life.first[i - 1].kernel_id < queue.kernel_id);
  }
  return {.name = std::string(kName),
          .value = order,
          .expected = {},
          .answer = ascending ? Answer::kYes : Answer::kNo,
          .reason = ascending
                        ? "ids rise in the order in which the queues were made; the runtime "
                          "makes its own first"
                        : "ids do not rise with age: queues were destroyed, or the driver does "
                          "not give the lowest free id"};
}

/// The least and the most compute queues of a sample of the living process.
std::pair<std::size_t, std::size_t> extent_of(const std::vector<LifeSample>& alive) {
  const auto [least, most] = std::ranges::minmax(alive, {}, &LifeSample::compute);
  return {least.compute, most.compute};
}

Verdict judge_stability(const std::vector<LifeSample>& alive) {
  const auto [least, most] = extent_of(alive);
  const bool stable = most - least <= 1 && least > 0;
  return {.name = "lifecycle/count-is-stable",
          .value = static_cast<double>(most - least),
          .expected = "at most 1",
          .answer = stable ? Answer::kMet : Answer::kMissed,
          .reason = fmt::format("{} samples of a model at work have {} to {} compute queues",
                                alive.size(), least, most),
          .numbers = {{"samples", static_cast<double>(alive.size())},
                      {"least", static_cast<double>(least)},
                      {"most", static_cast<double>(most)}}};
}

Verdict judge_slots(const LifeEvidence& life, const std::vector<LifeSample>& alive) {
  constexpr std::string_view kName = "lifecycle/one-slot-per-xcc";
  const std::optional<HardwareCounts>& seen_last = alive.back().hardware;
  if (!seen_last) {
    return unavailable(std::string(kName), life.no_view);
  }
  const HardwareCounts& last = *seen_last;
  std::size_t wrong = 0;
  std::size_t empty = 0;
  for (const LifeSample& sample : alive) {
    const HardwareCounts seen = sample.hardware.value_or(HardwareCounts{});
    wrong += seen.not_one_per_xcc;
    empty += seen.descriptors == 0 ? 1U : 0U;
  }
  return {
      .name = std::string(kName),
      .value = static_cast<double>(last.slots) /
               static_cast<double>(std::max<std::size_t>(last.descriptors, 1)),
      .expected = static_cast<double>(life.xccs),
      .answer = wrong == 0 && empty == 0 ? Answer::kMet : Answer::kMissed,
      .reason = fmt::format("in the last sample {} compute queues of the process are in {} "
                            "hardware slots; in all {} samples {} times a queue is not in "
                            "exactly one slot of each of {} XCCs, and {} times mqds has none "
                            "of its queues",
                            last.descriptors, last.slots, alive.size(), wrong, life.xccs, empty),
      .numbers = {{"queues", static_cast<double>(last.descriptors)},
                  {"slots", static_cast<double>(last.slots)},
                  {"not_one_per_xcc", static_cast<double>(wrong)}}};
}

/// A row of the table: "5 compute, 2 SDMA; 5 descriptors in 20 slots; machine 5 in 20".
std::string row_of(const LifeSample& sample) {
  std::string row = "no process";
  if (sample.stage == LifeStage::kAlive) {
    row = fmt::format("{} compute, {} SDMA", sample.compute, sample.sdma);
  } else if (sample.stage == LifeStage::kGone) {
    row = fmt::format("exited, {} compute, {} SDMA left", sample.compute, sample.sdma);
  }
  if (!sample.hardware) {
    return row;
  }
  const HardwareCounts& seen = *sample.hardware;
  if (sample.stage != LifeStage::kBefore) {
    row += fmt::format("; {} descriptors in {} slots", seen.descriptors, seen.slots);
  }
  return row + fmt::format("; machine: {} in {}", seen.all_descriptors, seen.all_slots);
}

/// "T-10 s".
std::string time_of(const LifeSample& sample) {
  if (!sample.when.empty()) {
    return sample.when;
  }
  const auto ns = static_cast<double>(to_ns(sample.at));
  return fmt::format("T{}{}", ns < 0 ? "-" : "+", words_of_ns(ns < 0 ? -ns : ns));
}

Verdict judge_timeline(const LifeEvidence& life, const std::vector<LifeSample>& alive) {
  const auto [least, most] = extent_of(alive);
  std::size_t left = 0;
  std::size_t left_in_hardware = 0;
  for (const LifeSample& sample : life.samples) {
    if (sample.stage == LifeStage::kGone) {
      const HardwareCounts seen = sample.hardware.value_or(HardwareCounts{});
      left = std::max(left, sample.compute + sample.sdma);
      left_in_hardware = std::max(left_in_hardware, seen.descriptors + seen.slots);
    }
  }
  const bool well = least > 0 && left == 0 && left_in_hardware == 0;
  Verdict verdict{
      .name = "lifecycle/timeline",
      .value = least == most ? fmt::format("0, {}, {}", least, left)
                             : fmt::format("0, {} to {}, {}", least, most, left),
      .expected = {},
      .answer = well ? Answer::kYes : Answer::kNo,
      .reason = fmt::format(
          "compute queues before the start, while it works and all queues after "
          "its end, in {} samples{}",
          life.samples.size(),
          life.no_view.empty()
              ? fmt::format("; {} of its descriptors and slots outlive it", left_in_hardware)
              : "; " + life.no_view),
      .numbers = {{"samples", static_cast<double>(life.samples.size())},
                  {"least", static_cast<double>(least)},
                  {"most", static_cast<double>(most)},
                  {"left_over", static_cast<double>(left)}}};
  for (const LifeSample& sample : life.samples) {
    verdict.facts.emplace_back(time_of(sample), row_of(sample));
  }
  return verdict;
}

Verdict judge_end(const LifeEvidence& life) {
  std::size_t left = 0;
  for (const LifeSample& sample : life.samples) {
    left += sample.stage == LifeStage::kGone ? sample.compute + sample.sdma : 0;
  }
  constexpr std::string_view kName = "lifecycle/gone-after-exit";
  const Answer answer = left == 0 ? Answer::kYes : Answer::kNo;
  if (!life.destroyed) {
    return {.name = std::string(kName),
            .value = fmt::format("{} left", left),
            .expected = {},
            .answer = answer,
            .reason = fmt::format("after the process's end {} of its queues were left; how soon "
                                  "they were gone is not known",
                                  left)};
  }
  return {.name = std::string(kName),
          .value = static_cast<double>(to_ns(*life.destroyed)),
          .expected = {},
          .answer = answer,
          .reason = fmt::format("the end of the process was known so long after exit(), "
                                "and {} of its queues were left",
                                left),
          .numbers = {{"until_known_ns", static_cast<double>(to_ns(*life.destroyed))}},
          .unit = "ns"};
}

}  // namespace

std::vector<Verdict> judge_lifecycle(const LifeEvidence& life) {
  std::vector<LifeSample> alive;
  for (const LifeSample& sample : life.samples) {
    if (sample.stage == LifeStage::kAlive) {
      alive.push_back(sample);
    }
  }
  GPREEMPT_CHECK(!alive.empty());
  return {judge_identification(life), judge_order(life),           judge_stability(alive),
          judge_slots(life, alive),   judge_timeline(life, alive), judge_end(life)};
}

}  // namespace gpreempt::experiments
