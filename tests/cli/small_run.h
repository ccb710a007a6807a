#pragma once

#include <gtest/gtest.h>

#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "cli/simulate.h"
#include "config/document.h"
#include "core/error.h"
#include "tests/cli/executable.h"
#include "workloads/compile.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

namespace gpreempt::cli::testing {

/// The small scenario compiled, and a machine to simulate it on.
class SmallRun : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<sim::Model> model = sim::find_model("mi308x", 8);
    ASSERT_TRUE(model) << model.error().what;
    options_.gpu = model->point;
    options_.personality = *sim::find_personality("dkms-6.12.12");
    const Result<Scenario> scenario = parse_scenario(small_scenario("5/s"), "small.toml");
    ASSERT_TRUE(scenario) << scenario.error().what;
    const Result<Workload> workload =
        compile(*scenario, {.flops_fp16 = model->point.flops_fp16}, {});
    ASSERT_TRUE(workload) << workload.error().what;
    workload_ = *workload;
    settings_.detection = scenario->scheduler.detection;
  }

  sim::PlainTimeline timeline_;
  sim::SystemOptions options_;
  Workload workload_;
  RunSettings settings_;
};

}  // namespace gpreempt::cli::testing
