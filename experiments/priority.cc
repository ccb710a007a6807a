#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/dump_keeper.h"
#include "experiments/experiment.h"
#include "experiments/mqd_priority.h"
#include "experiments/priority_rule.h"
#include "experiments/programs.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

// HIP's low and high class; further up no HIP program comes.
constexpr std::uint32_t kLowest = 0;
constexpr std::uint32_t kHighest = 11;
constexpr std::uint32_t kBurst = 10;

struct PriorityPlan {
  Duration long_kernel = milliseconds(10);
  std::uint32_t long_kernels = 1000;
  Duration short_kernel = milliseconds(1);
  std::uint32_t singles = 100;
};

PriorityPlan priority_plan_of(const Setting& setting) {
  return setting.quick ? PriorityPlan{.long_kernels = 400, .singles = 30} : PriorityPlan{};
}

Program low(const PriorityPlan& plan, const GpuInfo& gpu) {
  KernelRun kernel = kernel_on(gpu, 1, plan.long_kernel);
  kernel.count = plan.long_kernels;
  return {.name = "low",
          .offline = true,
          .runtime = Runtime::kHip,
          .hardware_priority = kLowest,
          .trains = {{kernel}},
          .arrivals = {Arrival{.at = Duration::zero(), .train = 0}}};
}

/// A burst of ten kernels, and then one at a time at random distances.
Program high(const PriorityPlan& plan, const GpuInfo& gpu, std::uint32_t priority,
             std::uint64_t seed) {
  KernelRun one = kernel_on(gpu, 0.25, plan.short_kernel);
  KernelRun burst = one;
  burst.count = kBurst;
  Program program{.name = "high",
                  .runtime = Runtime::kHip,
                  .hardware_priority = priority,
                  .trains = {{burst}, {one}},
                  .arrivals = {Arrival{.at = milliseconds(200), .train = 0}}};
  RandomStream random(seed, fmt::format("experiment/priority/{}", priority));
  // The burst takes a long kernel for each of its own at most.
  Duration at = milliseconds(200) + (kBurst + 2) * (plan.long_kernel + plan.short_kernel);
  for (std::uint32_t i = 0; i < plan.singles; ++i) {
    // At least what two long kernels take, so that they do not wait for one another.
    const auto range = static_cast<std::uint64_t>(to_ns(8 * plan.long_kernel));
    at += 2 * plan.long_kernel + Duration(static_cast<std::int64_t>(random.below(range)));
    program.arrivals.push_back(Arrival{.at = at, .train = 1});
  }
  return program;
}

struct Waits {
  std::vector<std::int64_t> singles;
  Duration burst{};
};

/// Nobody is attached: nothing but the priority is to act.
Result<Waits> wait_beside(Session& session, const PriorityPlan& plan, std::optional<Program> beside,
                          const Program& program) {
  if (beside) {
    GPREEMPT_TRY(session.testbed().launch(*std::move(beside)));
  }
  Pid pid;
  GPREEMPT_TRY(store(pid, session.testbed().launch(program)));
  session.testbed().start();
  const auto is_done = [&] {
    return session.testbed().progress(pid).requests_completed >= program.arrivals.size();
  };
  GPREEMPT_TRY(session.wait_until(
      is_done, program.arrivals.back().at + plan.long_kernels * plan.long_kernel + kPatience,
      milliseconds(10)));
  Waits waits;
  for (const RequestRecord& request : session.testbed().requests(pid)) {
    if (request.request == 0) {
      waits.burst = request.end - request.arrival;
    } else if (request.first_wave != kForever) {
      waits.singles.push_back(to_ns(request.first_wave - request.arrival));
    }
  }
  return waits;
}

/// One of three cases, in a world of its own.
Result<Waits> measure_case(const Setting& setting, const PriorityPlan& plan, bool with_low,
                           std::uint32_t priority) {
  return in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
    const GpuInfo& gpu = session.backend().info().gpus.front();
    std::optional<Program> beside;
    if (with_low) {
      beside = low(plan, gpu);
    }
    return wait_beside(session, plan, std::move(beside), high(plan, gpu, priority, setting.seed));
  });
}

}  // namespace

Result<std::vector<Verdict>> run_priority(const Setting& setting) {
  const PriorityPlan plan = priority_plan_of(setting);
  Waits alone;
  Waits equal;
  Waits highest;
  GPREEMPT_TRY(store(alone, measure_case(setting, plan, false, kHighest)));
  GPREEMPT_TRY(store(equal, measure_case(setting, plan, true, kLowest)));
  GPREEMPT_TRY(store(highest, measure_case(setting, plan, true, kHighest)));
  std::vector<Verdict> verdicts;
  verdicts.push_back(judge_preemption({.long_kernel = plan.long_kernel,
                                       .equal_waits = std::move(equal.singles),
                                       .high_waits = std::move(highest.singles),
                                       .alone_waits = std::move(alone.singles)}));
  verdicts.push_back(
      judge_backlog(highest.burst, plan.long_kernels * plan.long_kernel, plan.long_kernel));
  std::vector<Verdict> registers;
  GPREEMPT_TRY(
      store(registers, in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
              return read_priorities(session, DumpKeeper(setting, "priority"));
            })));
  verdicts.insert(verdicts.end(), registers.begin(), registers.end());
  return verdicts;
}

}  // namespace gpreempt::experiments
