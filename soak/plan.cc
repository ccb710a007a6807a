#include "soak/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "core/fault.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::soak {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Numbers for one plan.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : stream_(seed, "soak/plan") {}

  [[nodiscard]] bool happens(double probability) { return stream_.uniform() < probability; }
  /// Both ends included.
  [[nodiscard]] std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return low + static_cast<std::uint32_t>(stream_.below(high - low + 1));
  }
  template <class Items>
  [[nodiscard]] const auto& one_of(const Items& items) {
    return items[stream_.below(std::size(items))];
  }
  [[nodiscard]] Duration up_to(Duration most) {
    return Duration(
        static_cast<std::int64_t>(stream_.below(static_cast<std::uint64_t>(most.count()))));
  }

 private:
  RandomStream stream_;
};

TenantPlan draw_job(Draw& draw, std::uint32_t gpus, std::uint32_t vgprs) {
  return {.offline = true,
          .gpu = draw.between(0, gpus - 1),
          .queues = draw.between(1, 4),
          .hip = draw.happens(0.3),
          .kernel = microseconds(draw.between(20, 3000)),
          .workgroups = draw.between(40, 640),
          .vgprs = vgprs,
          .requests = 0,
          .mean_gap = {}};
}

TenantPlan draw_service(Draw& draw, std::uint32_t gpus, Duration length) {
  const Duration gap = microseconds(draw.between(800, 8000));
  return {.offline = false,
          .gpu = draw.between(0, gpus - 1),
          .queues = draw.between(1, 2),
          .hip = draw.happens(0.3),
          .kernel = microseconds(draw.between(20, 300)),
          .workgroups = draw.between(20, 160),
          .vgprs = 64,
          .requests = static_cast<std::uint32_t>(length / gap),
          .mean_gap = gap};
}

/// A few kinds each time: a run in which everything fails shows little.
FaultRates draw_rates(Draw& draw) {
  struct Entry {
    FaultKind kind;
    double rate;
  };
  // NOLINTBEGIN(modernize-use-designated-initializers): a table
  constexpr std::array<Entry, 13> kAll = {{{FaultKind::kInterrupted, 0.1},
                                           {FaultKind::kBusy, 0.1},
                                           {FaultKind::kLostTracer, 0.01},
                                           {FaultKind::kErrorOutcome, 0.01},
                                           {FaultKind::kInvalidOutcome, 0.05},
                                           {FaultKind::kLateEvents, 0.05},
                                           {FaultKind::kLostEvent, 0.8},
                                           {FaultKind::kLongCall, 0.003},
                                           {FaultKind::kDebugfsGone, 0.3},
                                           {FaultKind::kDebugfsMalformed, 0.3},
                                           {FaultKind::kActivityUnread, 0.1},
                                           {FaultKind::kClockStep, 0.003},
                                           {FaultKind::kFrozen, 0.002}}};
  // NOLINTEND(modernize-use-designated-initializers)
  constexpr double kShare = 0.3;
  FaultRates rates;
  for (const Entry& entry : kAll) {
    rates[entry.kind] = draw.happens(kShare) ? entry.rate : 0;
  }
  return rates;
}

std::vector<WorldFault> draw_faults(Draw& draw, const SoakPlan& plan) {
  // A process that is gone is of no more use.
  constexpr std::array<FaultKind, 10> kCommon = {
      FaultKind::kQueueMade,      FaultKind::kQueueMade,      FaultKind::kQueueMade,
      FaultKind::kQueueDestroyed, FaultKind::kQueueDestroyed, FaultKind::kQueueDestroyed,
      FaultKind::kEvicted,        FaultKind::kEvicted,        FaultKind::kTargetExec,
      FaultKind::kTargetExit};
  constexpr double kHangs = 0.05;
  std::vector<WorldFault> faults;
  const auto count = draw.between(0, 10);
  faults.reserve(count + 1);
  const auto tenants = static_cast<std::uint32_t>(plan.tenants.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    faults.push_back({.kind = draw.one_of(kCommon),
                      .at = draw.up_to(plan.length),
                      .tenant = draw.between(0, tenants - 1)});
  }
  if (draw.happens(kHangs)) {
    faults.push_back({.kind = FaultKind::kHang,
                      .at = draw.up_to(plan.length),
                      .tenant = draw.between(0, tenants - 1)});
  }
  std::ranges::sort(faults, {}, [](const WorldFault& fault) {
    return std::tuple(fault.at, fault.kind, fault.tenant);
  });
  return faults;
}

}  // namespace

SoakPlan draw_plan(std::uint64_t seed) {
  Draw draw(seed);
  SoakPlan plan{.seed = seed, .vkfd = draw.happens(0.7)};
  plan.personality = draw.one_of(sim::personalities()).name;
  plan.gpus = draw.happens(0.3) ? 2 : 1;
  // `none` never calls the driver.
  std::vector<std::string_view> policies;
  plan.poll = draw.happens(0.4) ? microseconds(draw.between(200, 2000)) : microseconds(0);
  for (const PolicyEntry& entry : gpreempt::policies()) {
    const bool sees_enough = plan.poll == Duration{} || !entry.needs.requests;
    if (entry.name != "none" && sees_enough) {
      policies.push_back(entry.name);
    }
  }
  plan.policy = draw.one_of(policies);
  if (draw.happens(0.2)) {
    plan.policy += draw.one_of(
        std::array<std::string_view, 3>{":min-run=2ms", ":hold-off=300us", ":credit=50/s"});
  }
  plan.lease = milliseconds(draw.between(5, 500));
  plan.length = milliseconds(draw.between(200, 1500));
  const auto jobs = draw.between(1, 3);
  // The same for all: workgroups that fit nowhere let smaller ones pass for ever, and a job that
  // starves for that is no fault of the scheduler's.
  const auto vgprs = draw.one_of(std::array<std::uint32_t, 4>{32, 64, 128, 256});
  for (std::uint32_t i = 0; i < jobs; ++i) {
    plan.tenants.push_back(draw_job(draw, plan.gpus, vgprs));
  }
  const auto services = draw.between(1, 2);
  for (std::uint32_t i = 0; i < services; ++i) {
    plan.tenants.push_back(draw_service(draw, plan.gpus, plan.length));
  }
  plan.rates = draw_rates(draw);
  plan.faults = draw_faults(draw, plan);
  plan.kill_controller = draw.happens(0.1);
  return plan;
}

Program program_of(const TenantPlan& tenant, std::uint32_t index, const SoakPlan& plan) {
  const KernelRun kernels{
      .count = tenant.offline ? 10U : 3U,
      .duration = tenant.kernel,
      .shape = {.workgroups = tenant.workgroups, .waves = 4, .vgprs = tenant.vgprs}};
  Program program{.name = fmt::format("{}-{}", tenant.offline ? "job" : "service", index),
                  .offline = tenant.offline,
                  .gpu = tenant.gpu,
                  .runtime = tenant.hip ? Runtime::kHip : Runtime::kBare,
                  .queues = tenant.queues,
                  .hints = !tenant.offline && plan.poll == Duration{},
                  .endless = tenant.offline,
                  .trains = {{kernels}}};
  RandomStream arrivals(plan.seed, fmt::format("soak/arrivals/{}", index));
  Duration at{};
  for (std::uint32_t i = 0; i < tenant.requests; ++i) {
    at += Duration(static_cast<std::int64_t>(
        arrivals.exponential(static_cast<double>(tenant.mean_gap.count()))));
    if (at >= plan.length) {
      break;
    }
    program.arrivals.push_back({.at = at, .train = 0});
  }
  return program;
}

std::string describe(const SoakPlan& plan) {
  std::string text = fmt::format(
      "seed {}: {}, driver {}, {} GPU{}, policy {}, {}, lease {}, faults for {}{}\n", plan.seed,
      plan.vkfd ? "vkfd" : "sim", plan.personality, plan.gpus, plan.gpus == 1 ? "" : "s",
      plan.policy,
      plan.poll == Duration{} ? std::string("hints") : "polls every " + format_duration(plan.poll),
      format_duration(plan.lease), format_duration(plan.length),
      plan.kill_controller ? ", then kill -9" : "");
  for (const TenantPlan& tenant : plan.tenants) {
    text +=
        fmt::format("  {} on GPU {}: {} queue{}{}, kernels of {} x {} workgroups{}\n",
                    tenant.offline ? "job" : "service", tenant.gpu, tenant.queues,
                    tenant.queues == 1 ? "" : "s", tenant.hip ? " of HIP" : "",
                    format_duration(tenant.kernel), tenant.workgroups,
                    tenant.offline ? std::string() : fmt::format(", {} requests", tenant.requests));
  }
  for (const FaultKind kind : fault_kinds()) {
    if (plan.rates[kind] > 0) {
      text += fmt::format("  {}: {} of the occasions\n", to_string(kind), plan.rates[kind]);
    }
  }
  for (const WorldFault& fault : plan.faults) {
    text += fmt::format("  {} of tenant {} after {}\n", to_string(fault.kind), fault.tenant,
                        format_duration(fault.at));
  }
  return text;
}

}  // namespace gpreempt::soak
