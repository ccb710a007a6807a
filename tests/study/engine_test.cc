// Goal: the engine makes the runs that a schedule wants, and a run that fails is a row.
#include "study/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "core/error.h"
#include "study/schedule.h"
#include "study/study_file.h"

namespace gpreempt::study {
namespace {

Schedule schedule_of(std::size_t points, std::uint32_t runs) {
  return Schedule(
      {.points = points, .repeat = {.paired = true, .min = 1, .max = runs, .until = {}}});
}

TEST(StudyEngine, RowsAreByPointAndSeedHoweverManyWorkersThereAre) {
  const MakeRun make_run = [](std::size_t point,
                              std::uint64_t seed) -> Result<std::vector<double>> {
    return std::vector<double>{static_cast<double>(100 * point + seed)};
  };
  for (const std::uint32_t workers : {1U, 3U}) {
    Schedule schedule = schedule_of(4, 5);
    ASSERT_TRUE(run_study(schedule, make_run, {.workers = workers, .progress = {}}));
    const std::vector<Row> rows = schedule.rows();
    ASSERT_EQ(rows.size(), 20U);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].point, i / 5);
      EXPECT_EQ(rows[i].seed, 1 + i % 5);
      EXPECT_EQ(rows[i].values,
                std::vector<double>{static_cast<double>(100 * (i / 5) + 1 + i % 5)});
    }
  }
}

TEST(StudyEngine, ARunThatCrashesOrIsRefusedIsARowWithItsError) {
  Schedule schedule = schedule_of(3, 2);
  const MakeRun make_run = [](std::size_t point,
                              std::uint64_t seed) -> Result<std::vector<double>> {
    if (point == 0 && seed == 2) {
      std::abort();
    }
    if (point == 1) {
      return fail(Errc::kInvalidArgument, "no such thing");
    }
    return std::vector<double>{1};
  };
  ASSERT_TRUE(run_study(schedule, make_run, {.workers = 1, .progress = {}}));
  const std::vector<Row> rows = schedule.rows();
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].error, "");
  EXPECT_EQ(rows[1].error, "run the point: it died of Aborted");
  EXPECT_EQ(rows[2].error, "no such thing");
  EXPECT_EQ(rows[4].values, std::vector<double>{1});
  EXPECT_EQ(schedule.failed(), 3U);
}

TEST(RowLine, ReadsBackExactlyAndNoSampleStaysNone) {
  const Row row{.point = 3,
                .seed = 9,
                .values = {0.1, std::numeric_limits<double>::quiet_NaN(), 21705265},
                .error = {}};
  const Result<Row> back = parse_row(row_line(row), 3);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->point, 3U);
  EXPECT_EQ(back->seed, 9U);
  EXPECT_EQ(back->values[0], 0.1);
  EXPECT_TRUE(std::isnan(back->values[1]));
  EXPECT_EQ(back->values[2], 21705265);
  EXPECT_FALSE(parse_row(row_line(row), 2));  // of a study with other metrics
  EXPECT_FALSE(parse_row("{\"point\":1}", 0));
}

}  // namespace
}  // namespace gpreempt::study
