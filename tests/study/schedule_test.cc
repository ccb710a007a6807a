// Goal: which runs are made does not depend on the order in which they are finished.
#include "study/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "study/study_file.h"

namespace gpreempt::study {
namespace {

/// Point 0 gives the same number for every seed; point 1 never settles down.
double value_of(std::size_t point, std::uint64_t seed) {
  return point == 0 ? 7.0 : static_cast<double>(seed * seed);
}

Schedule::Options until_narrow() {
  return {.points = 2,
          .repeat = {.paired = true,
                     .min = 3,
                     .max = 6,
                     .until = Until{.metric = "m", .half_width = 0.01, .relative = true}},
          .first_seed = 10};
}

/// Finishes all runs, those taken together in their order or in the reverse one.
std::vector<std::pair<std::size_t, std::uint64_t>> finish(Schedule& schedule, std::size_t most,
                                                          bool reverse) {
  while (!schedule.is_done()) {
    std::vector<RunId> runs = schedule.take(most);
    EXPECT_FALSE(runs.empty());
    if (reverse) {
      std::ranges::reverse(runs);
    }
    for (const RunId& run : runs) {
      const std::uint64_t seed = schedule.seed_of(run);
      EXPECT_TRUE(schedule.settle(
          {.point = run.point, .seed = seed, .values = {value_of(run.point, seed)}, .error = {}}));
    }
  }
  std::vector<std::pair<std::size_t, std::uint64_t>> made;
  for (const Row& row : schedule.rows()) {
    made.emplace_back(row.point, row.seed);
  }
  return made;
}

TEST(StudySchedule, APointStopsWhenItIsNarrowAndAnotherAtTheCap) {
  Schedule schedule(until_narrow());
  const auto made = finish(schedule, 1, false);
  EXPECT_EQ(made,
            (std::vector<std::pair<std::size_t, std::uint64_t>>{
                {0, 10}, {0, 11}, {0, 12}, {1, 10}, {1, 11}, {1, 12}, {1, 13}, {1, 14}, {1, 15}}));
}

TEST(StudySchedule, TheOrderInWhichRunsEndDoesNotMatter) {
  Schedule first(until_narrow());
  Schedule second(until_narrow());
  EXPECT_EQ(finish(first, 1, false), finish(second, 6, true));
}

TEST(StudySchedule, WhatIsSettledIsNotMadeAgain) {
  Schedule schedule(until_narrow());
  ASSERT_TRUE(schedule.settle({.point = 0, .seed = 11, .values = {7}, .error = {}}));
  EXPECT_FALSE(schedule.settle({.point = 0, .seed = 11, .values = {8}, .error = {}}));
  for (const RunId& run : schedule.take(100)) {
    EXPECT_FALSE(run.point == 0 && run.repeat == 1);
  }
}

TEST(StudySchedule, ARunOfAnotherStudyIsNotTaken) {
  Schedule schedule(until_narrow());
  EXPECT_FALSE(schedule.settle({.point = 0, .seed = 9, .values = {7}, .error = {}}));
  EXPECT_FALSE(schedule.settle({.point = 0, .seed = 16, .values = {7}, .error = {}}));
  EXPECT_FALSE(schedule.settle({.point = 2, .seed = 10, .values = {7}, .error = {}}));
  EXPECT_EQ(schedule.settled(), 0U);
}

TEST(StudySchedule, ShardsHaveEveryPointOnce) {
  std::vector<int> times(7, 0);
  for (std::uint32_t index = 1; index <= 3; ++index) {
    Schedule schedule({.points = 7, .shard = {.index = index, .count = 3}});
    for (const RunId& run : schedule.take(100)) {
      ++times[run.point];
    }
  }
  EXPECT_EQ(times, std::vector<int>(7, 1));
}

TEST(StudySchedule, SeedsThatAreNotPairedAreAllDifferent) {
  Schedule schedule({.points = 3, .repeat = {.paired = false, .min = 1, .max = 4, .until = {}}});
  std::vector<std::uint64_t> seeds;
  for (const RunId& run : schedule.take(100)) {
    seeds.push_back(schedule.seed_of(run));
  }
  std::ranges::sort(seeds);
  EXPECT_EQ(seeds, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
}

TEST(StudySchedule, APointWhereEveryRunFailsIsNotRepeatedToTheCap) {
  Schedule schedule(until_narrow());
  for (std::uint64_t seed = 10; seed < 13; ++seed) {
    ASSERT_TRUE(schedule.settle({.point = 1, .seed = seed, .values = {}, .error = "refused"}));
  }
  EXPECT_EQ(schedule.failed(), 3U);
  for (const RunId& run : schedule.take(100)) {
    EXPECT_EQ(run.point, 0U);
  }
}

}  // namespace
}  // namespace gpreempt::study
