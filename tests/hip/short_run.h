#pragma once

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/time.h"
#include "tests/hip/fake_world.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/options.h"
#include "workloads/hip/records.h"
#include "workloads/hip/runner.h"
#include "workloads/hip/tenant.h"

namespace gpreempt::hip {

/// A short run of a tenant on the fake GPU.
struct ShortRun {
  FakeHost host;
  FakeGpu gpu{host, std::chrono::microseconds(4), Duration(10)};
  Options options;
  TenantPlan tenant;
  KernelPlan plan;
  ClockFit clock{.origin_ticks = 0, .origin = Instant{}, .ns_per_tick = 10};
  RunOutcome outcome;

  explicit ShortRun(Options chosen) : options(std::move(chosen)) {
    tenant = plan_tenant(options).value();
    std::vector<StreamId> streams;
    for (std::uint32_t i = 0; i < tenant.program.queues; ++i) {
      streams.push_back(gpu.add_stream(7).value());
    }
    plan = KernelPlan::make(tenant.program.trains, {}, gpu, host, streams.front()).value();
    Runner runner(
        tenant.program, plan, streams, clock,
        {.duration = tenant.duration, .drain = tenant.drain, .heartbeat = options.heartbeat});
    outcome = runner.run(gpu, host, Instant(std::chrono::seconds(2))).value();
  }
  [[nodiscard]] RunFacts facts() const {
    return {.options = options,
            .program = tenant.program,
            .gpu = gpu.facts(),
            .plan = plan,
            .clock = clock,
            .outcome = outcome};
  }
};

}  // namespace gpreempt::hip
