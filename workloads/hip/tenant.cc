#include "workloads/hip/tenant.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/hip/options.h"
#include "workloads/hip/queues.h"
#include "workloads/loader.h"
#include "workloads/program_file.h"
#include "workloads/scenario.h"

namespace gpreempt::hip {
namespace {

constexpr std::uint32_t kMostGpus = 64;
constexpr Duration kProgramDrain = std::chrono::seconds(10);

std::string_view name_of(Role role) { return role == Role::kOnline ? "Online" : "Offline"; }

/// What this program cannot do.
Result<void> check_program(const Program& program) {
  if (program.serving) {
    return fail(
        Errc::kUnsupported,
        fmt::format("run tenant '{}': it is an LLM engine, whose batches depend on what "
                    "waits; run the engine itself (vllm serve) with `gpreempt run --online`",
                    program.name));
  }
  const bool meets = std::ranges::any_of(program.trains, [](const KernelTrain& train) {
    return std::ranges::any_of(train, &KernelRun::collective);
  });
  if (meets || !program.more_gpus.empty()) {
    return fail(Errc::kUnsupported,
                fmt::format("run tenant '{}': its ranks meet at collectives, which need RCCL; run "
                            "the job itself (torchrun) with `gpreempt run --offline`",
                            program.name));
  }
  if (program.trains.empty() && !is_idle(program)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("run tenant '{}': it has requests or works without an end, and no "
                            "kernels for that; give it some",
                            program.name));
  }
  return {};
}

Result<const TenantMeta*> find_tenant(const Workload& workload, const Options& options) {
  const TenantClass cls =
      options.role == Role::kOnline ? TenantClass::kOnline : TenantClass::kOffline;
  std::vector<std::string> names;
  const TenantMeta* found = nullptr;
  for (const TenantMeta& tenant : workload.tenants) {
    if (tenant.cls != cls) {
      continue;
    }
    names.push_back(tenant.name);
    if (options.tenant.empty() || tenant.name == options.tenant) {
      found = &tenant;
    }
  }
  if (found == nullptr) {
    return fail(Errc::kInvalidArgument,
                fmt::format("find {} tenant '{}' in '{}': it has {}", name_of(options.role),
                            options.tenant, options.scenario,
                            names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }
  if (options.tenant.empty() && names.size() > 1) {
    return fail(Errc::kInvalidArgument,
                fmt::format("choose a tenant of '{}': it has {}; name one with --tenant",
                            options.scenario, fmt::join(names, ", ")));
  }
  return found;
}

Result<TenantPlan> from_program(const Options& options) {
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(options.program)));
  TenantPlan plan{.drain = kProgramDrain};
  GPREEMPT_TRY(store(plan.program, read_program(text, options.program.string())));
  // Whoever wrote the file ends this process; a week is for ever.
  plan.duration = options.duration.value_or(std::chrono::hours(168));
  return plan;
}

Result<TenantPlan> from_scenario(const Options& options) {
  Scenario scenario;
  GPREEMPT_TRY(store(scenario, find_scenario(options.scenario)));
  if (options.duration) {
    scenario.run.duration = options.duration;
  }
  const HardwareFacts facts{.flops_fp16 = options.flops, .gpus = kMostGpus};
  Workload workload;
  GPREEMPT_TRY(store(
      workload,
      compile(scenario, facts, {.seed = options.seed.value_or(scenario.run.seed), .traces = {}})));
  const TenantMeta* tenant = nullptr;
  GPREEMPT_TRY(store(tenant, find_tenant(workload, options)));
  std::size_t index = tenant->first_program;
  for (std::size_t i = 0; options.gpu && i < tenant->programs; ++i) {
    if (workload.programs.at(tenant->first_program + i).gpu == *options.gpu) {
      index = tenant->first_program + i;
    }
  }
  return TenantPlan{.program = std::move(workload.programs.at(index)),
                    .duration = workload.duration,
                    .drain = workload.drain};
}

}  // namespace

Result<TenantPlan> plan_tenant(const Options& options) {
  TenantPlan plan;
  GPREEMPT_TRY(
      store(plan, options.program.empty() ? from_scenario(options) : from_program(options)));
  GPREEMPT_TRY(check_program(plan.program));
  if (plan.program.offline != (options.role == Role::kOffline)) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("run program '{}': it is {}, and this is the program for {}", plan.program.name,
                    plan.program.offline ? "Offline" : "Online", name_of(options.role)));
  }
  plan.program.gpu = options.gpu.value_or(plan.program.gpu);
  return plan;
}

}  // namespace gpreempt::hip
