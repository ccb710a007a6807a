// Goal: what a workload process writes is what the command line reads, and means the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>

#include "backends/sim/model_file.h"
#include "cli/requests_reader.h"
#include "core/time.h"
#include "tests/hip/short_run.h"
#include "workloads/hip/options.h"
#include "workloads/hip/records.h"

namespace gpreempt::hip {
namespace {

using std::chrono::seconds;
using testing::SizeIs;

TEST(HipOptions, TakeTheRateOfTheModel) {
  const auto model = sim::find_model("mi308x", 8);
  ASSERT_TRUE(model.has_value());
  EXPECT_DOUBLE_EQ(Options{}.flops, model->point.flops_fp16);
}

TEST(HipRecords, AreRequestsAsABundleHasThem) {
  const ShortRun run(
      {.role = Role::kOnline, .scenario = "default", .duration = seconds(5), .label = "suspend"});
  const auto rows = cli::read_requests(records_text(run.facts()), "requests.csv");
  ASSERT_TRUE(rows.has_value()) << rows.error().what;
  ASSERT_THAT(*rows, SizeIs(run.tenant.program.arrivals.size()));
  for (std::size_t i = 0; i < rows->size(); ++i) {
    EXPECT_EQ(rows->at(i).policy, "suspend");
    EXPECT_EQ(rows->at(i).tenant, "guard");
    EXPECT_EQ(rows->at(i).record.arrival,
              Instant(seconds(2)) + run.tenant.program.arrivals.at(i).at);
    EXPECT_GE(rows->at(i).record.first_wave, rows->at(i).record.arrival);
    EXPECT_GT(rows->at(i).record.end, rows->at(i).record.first_wave);
  }
}

}  // namespace
}  // namespace gpreempt::hip
