#include "study/schedule.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "study/stopping.h"
#include "study/study_file.h"

namespace gpreempt::study {

Schedule::Schedule(Options options) : options_(std::move(options)), states_(options_.points) {
  for (std::size_t point = 0; point < states_.size(); ++point) {
    if (point % options_.shard.count + 1 == options_.shard.index) {
      ++open_points_;
      const Repeat& repeat = options_.repeat;
      want(point, repeat.until ? repeat.min : repeat.max);
    } else {
      states_[point].is_open = false;
    }
  }
}

std::vector<RunId> Schedule::take(std::size_t most) {
  std::vector<RunId> runs;
  while (runs.size() < most && !waiting_.empty()) {
    const auto [repeat, point] = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    runs.push_back({.point = point, .repeat = repeat});
  }
  return runs;
}

bool Schedule::settle(Row row) {
  const std::optional<RunId> run = run_of(row.point, row.seed);
  if (!run || run->repeat >= states_[run->point].runs.size() ||
      states_[run->point].runs[run->repeat]) {
    return false;
  }
  State& state = states_[run->point];
  waiting_.erase({run->repeat, run->point});
  ++settled_;
  failed_ += row.error.empty() ? 0U : 1U;
  state.runs[run->repeat] = std::move(row);
  if (--state.missing > 0) {
    return true;
  }
  const auto runs = static_cast<std::uint32_t>(state.runs.size());
  if (runs >= options_.repeat.max || is_enough(state)) {
    state.is_open = false;
    --open_points_;
  } else {
    want(run->point, next_look(runs, options_.repeat.max));
  }
  return true;
}

std::optional<RunId> Schedule::run_of(std::size_t point, std::uint64_t seed) const {
  const std::uint64_t first = seed_of({.point = point, .repeat = 0});
  if (point >= states_.size() || seed < first || seed - first >= options_.repeat.max) {
    return std::nullopt;
  }
  return RunId{.point = point, .repeat = static_cast<std::uint32_t>(seed - first)};
}

std::uint64_t Schedule::seed_of(RunId run) const {
  const std::uint64_t skipped =
      options_.repeat.paired ? 0 : std::uint64_t{run.point} * options_.repeat.max;
  return options_.first_seed + skipped + run.repeat;
}

std::size_t Schedule::at_most() const {
  std::size_t most = 0;
  for (const State& state : states_) {
    most += state.is_open ? options_.repeat.max : state.runs.size();
  }
  return most;
}

std::vector<Row> Schedule::rows() const {
  std::vector<Row> rows;
  for (const State& state : states_) {
    for (const std::optional<Row>& row : state.runs) {
      if (row) {
        rows.push_back(*row);
      }
    }
  }
  return rows;
}

void Schedule::want(std::size_t point, std::uint32_t runs) {
  State& state = states_[point];
  for (auto repeat = static_cast<std::uint32_t>(state.runs.size()); repeat < runs; ++repeat) {
    waiting_.emplace(repeat, point);
    ++state.missing;
    ++at_least_;
  }
  state.runs.resize(runs);
}

/// A point at which every run fails is not worth more of them.
bool Schedule::is_enough(const State& state) const {
  std::vector<double> values;
  for (const std::optional<Row>& row : state.runs) {
    if (row && row->error.empty()) {
      values.push_back(row->values.at(options_.metric));
    }
  }
  GPREEMPT_CHECK(options_.repeat.until.has_value());
  return values.empty() || is_narrow(values, *options_.repeat.until);
}

}  // namespace gpreempt::study
