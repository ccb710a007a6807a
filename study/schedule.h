#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "study/study_file.h"

/// Which runs a study makes, and when it has enough of them. No processes, no files.
namespace gpreempt::study {

/// Part `index` (from 1) of `count` that together make the study: points taken in turn.
struct Shard {
  std::uint32_t index = 1;
  std::uint32_t count = 1;
  bool operator==(const Shard&) const = default;
};

/// A run of a point. `repeat` counts from 0.
struct RunId {
  std::size_t point = 0;
  std::uint32_t repeat = 0;
  bool operator==(const RunId&) const = default;
};

/// A finished run.
struct Row {
  std::size_t point = 0;
  std::uint64_t seed = 0;
  std::vector<double> values;  ///< one for each metric; none if it failed
  std::string error;           ///< why it failed; empty if it did not
};

class Schedule {
 public:
  struct Options {
    std::size_t points = 0;
    Repeat repeat;
    std::size_t metric = 0;  ///< the index of the one that `repeat.until` is about
    std::uint64_t first_seed = 1;
    Shard shard;
  };
  explicit Schedule(Options options);

  /// Up to `most` runs to be made now that were not given out yet, seed by seed. None: there are
  /// none, or the next ones depend on runs that are not settled.
  [[nodiscard]] std::vector<RunId> take(std::size_t most);
  /// Puts a finished run in. False: it is not one of this study's, or it is there already.
  bool settle(Row row);
  /// The run that a seed is at a point; nullopt if it is none.
  [[nodiscard]] std::optional<RunId> run_of(std::size_t point, std::uint64_t seed) const;
  [[nodiscard]] std::uint64_t seed_of(RunId run) const;

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t settled() const { return settled_; }
  [[nodiscard]] std::size_t failed() const { return failed_; }
  [[nodiscard]] bool is_done() const { return open_points_ == 0; }
  /// Runs that are known to be needed, and those that there can be at most.
  [[nodiscard]] std::size_t at_least() const { return at_least_; }
  [[nodiscard]] std::size_t at_most() const;
  /// All finished runs, by point and then by seed.
  [[nodiscard]] std::vector<Row> rows() const;

 private:
  struct State {
    std::vector<std::optional<Row>> runs;  ///< as many as the next look wants
    std::size_t missing = 0;
    bool is_open = true;
  };
  void want(std::size_t point, std::uint32_t runs);
  [[nodiscard]] bool is_enough(const State& state) const;

  Options options_;
  std::vector<State> states_;
  std::set<std::pair<std::uint32_t, std::size_t>> waiting_;  ///< repeat, point
  std::size_t settled_ = 0;
  std::size_t failed_ = 0;
  std::size_t open_points_ = 0;
  std::size_t at_least_ = 0;
};

}  // namespace gpreempt::study
