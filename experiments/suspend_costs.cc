#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "calibration/sample.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/grace_units.h"
#include "experiments/programs.h"
#include "experiments/sampled.h"
#include "experiments/session.h"
#include "experiments/suspend_sampler.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using calibration::CallSample;
using std::chrono::milliseconds;

/// No wave ends by itself while a place is measured: then a grace period lasts as long as it says.
constexpr Duration kPersistent = std::chrono::hours(1);
constexpr std::uint32_t kJobWavesPerWorkgroup = 4;
/// A save area of 50 MB crosses a bus within that.
constexpr Duration kAreaMoves = milliseconds(50);

/// Conditions that differ in what the costs of a suspend depend on.
struct Design {
  std::string_view name;
  double share = 0;          ///< of the GPU's registers that the job's waves take
  std::uint32_t queues = 1;  ///< of the job; its waves are on the first one
  bool heartbeat = false;    ///< a process with one wave on each XCC that is always there
  /// Of further processes; each takes a place on the runlist, and its idle queues slots.
  std::array<std::uint32_t, 2> idle_queues{};
};

// A table.
// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr auto kDesigns = std::to_array<Design>({
    {"idle/1-queue/alone", 0, 1, false, {0, 0}},
    {"idle/4-queues/alone", 0, 4, false, {0, 0}},
    {"quarter/1-queue/alone", 0.25, 1, false, {0, 0}},
    {"most/1-queue/alone", 0.75, 1, false, {0, 0}},
    {"idle/1-queue/beside-2", 0, 1, false, {2, 0}},
    {"idle/2-queues/beside-8", 0, 2, false, {8, 0}},
    {"idle/1-queue/beside-2-and-2", 0, 1, false, {2, 2}},
    {"idle/1-queue/heartbeat", 0, 1, true, {0, 0}},
    {"quarter/1-queue/heartbeat", 0.25, 1, true, {0, 0}},
    {"most/2-queues/heartbeat", 0.75, 2, true, {0, 0}},
    {"half/4-queues/heartbeat-and-6", 0.5, 4, true, {6, 0}},
    {"quarter/1-queue/heartbeat-and-4", 0.25, 1, true, {4, 0}},
    {"most/1-queue/heartbeat-and-12", 0.75, 1, true, {12, 0}},
    {"half/3-queues/heartbeat-and-1-and-2", 0.5, 3, true, {1, 2}},
});
// NOLINTEND(modernize-use-designated-initializers)

/// Units of 1000 clocks; nullopt: the driver's default.
using Grace = std::optional<std::uint32_t>;

struct CostPlan {
  std::vector<Grace> graces;
  std::uint32_t repetitions = 0;  ///< of each grace period, an even number
  std::uint32_t stamps_every = 1;
};

CostPlan cost_plan_of(const Setting& setting) {
  if (setting.quick) {
    return {.graces = {1, 128, std::nullopt}, .repetitions = 24, .stamps_every = 4};
  }
  return {.graces = {1, 16, 64, 255, std::nullopt}, .repetitions = 80, .stamps_every = 4};
}

Program heartbeat_on(const GpuInfo& gpu) {
  return {.name = "heartbeat",
          .heartbeat = true,
          .endless = true,
          .trains = {{{.count = 1,
                       .duration = kPersistent,
                       .shape = {.workgroups = gpu.xccs, .waves = 1, .vgprs = 8}}}},
          .arrivals = {}};
}

Program job_of(const GpuInfo& gpu, const Design& design) {
  Program program =
      design.share > 0 ? endless("job", gpu, design.share, kPersistent) : idle("job", 1);
  program.queues = design.queues;
  return program;
}

std::uint32_t waves_of(const GpuInfo& gpu, const Design& design) {
  return design.share > 0
             ? kernel_on(gpu, design.share, kPersistent).shape.workgroups * kJobWavesPerWorkgroup
             : 0;
}

Result<void> start_alone(Session& session) {
  session.testbed().start();
  return session.wait(milliseconds(5));
}

/// Launches those beside the job, the heartbeat first so that it has its room.
Result<std::vector<Pid>> launch_company(Session& session, const Design& design) {
  std::vector<Pid> company;
  std::vector<Program> programs;
  if (design.heartbeat) {
    programs.push_back(heartbeat_on(session.backend().info().gpus.front()));
  }
  for (const std::uint32_t queues : design.idle_queues) {
    if (queues > 0) {
      programs.push_back(idle("idle", queues));
    }
  }
  for (Program& program : programs) {
    Pid pid;
    GPREEMPT_TRY(store(pid, session.testbed().launch(std::move(program))));
    company.push_back(pid);
    const bool is_heartbeat = design.heartbeat && company.size() == 1;
    GPREEMPT_TRY(is_heartbeat ? start_alone(session) : Result<void>());
  }
  return company;
}

Result<SuspendSampler::Place> set_up(Session& session, const Design& design) {
  const GpuInfo& gpu = session.backend().info().gpus.front();
  SuspendSampler::Place place{.name = std::string(design.name), .waves = waves_of(gpu, design)};
  std::vector<Pid> company;
  GPREEMPT_TRY(store(company, launch_company(session, design)));
  if (design.heartbeat) {
    place.company.heartbeat = company.front();
    place.company.heartbeat_waves = gpu.xccs;
  }
  Pid job;
  GPREEMPT_TRY(store(job, session.run(job_of(gpu, design))));
  GPREEMPT_TRY(session.wait(milliseconds(20)));
  for (const Pid pid : company) {
    Followed other;
    GPREEMPT_TRY(store(other, session.follow(pid, AttachMode::kObserve)));
    place.company.others.push_back(std::move(other));
  }
  GPREEMPT_TRY(store(place.process, session.follow(job, AttachMode::kControl)));
  GPREEMPT_TRY(session.wait(milliseconds(20)));
  GPREEMPT_TRY(session.suspend(place.process).map([](const ControlDone& /*done*/) {}));
  GPREEMPT_TRY(session.wait(kAreaMoves));
  GPREEMPT_TRY(session.resume(place.process).map([](const ControlDone& /*done*/) {}));
  GPREEMPT_TRY(session.wait(kAreaMoves));
  GPREEMPT_TRY(store(place.longest_grace, longest_grace(session, place.process)));
  return place;
}

/// One suspend with each grace period, at moments that have nothing to do with the kernels'.
Result<void> repeat(Session& session, SuspendSampler& sampler, const CostPlan& plan,
                    RandomStream& random, std::vector<CallSample>& samples) {
  const auto repetition = static_cast<std::uint32_t>(samples.size() / plan.graces.size());
  for (const Grace grace : plan.graces) {
    constexpr std::uint64_t kPauseNs = 2'000'000;
    GPREEMPT_TRY(session.wait(Duration(static_cast<std::int64_t>(random.below(kPauseNs)))));
    CallSample sample;
    GPREEMPT_TRY(
        store(sample, sampler.take(grace, repetition, repetition % plan.stamps_every == 0)));
    samples.push_back(std::move(sample));
  }
  return {};
}

Result<std::vector<CallSample>> measure(Session& session, const Setting& setting,
                                        const Design& design, const CostPlan& plan) {
  SuspendSampler::Place place;
  GPREEMPT_TRY(store(place, set_up(session, design)));
  SuspendSampler sampler(session, std::move(place));
  RandomStream random(setting.seed, fmt::format("experiment/suspend-costs/{}", design.name));
  std::vector<CallSample> samples;
  for (std::uint32_t repetition = 0; repetition < plan.repetitions; ++repetition) {
    GPREEMPT_TRY(repeat(session, sampler, plan, random, samples));
  }
  return samples;
}

Verdict judge_costs(const Design& design, const std::vector<CallSample>& samples) {
  std::vector<std::int64_t> suspends;
  std::vector<std::int64_t> resumes;
  std::vector<std::int64_t> gaps;
  std::size_t stamps = 0;
  for (const CallSample& sample : samples) {
    suspends.push_back(sample.suspend_ns);
    resumes.push_back(sample.resume_ns);
    stamps += sample.stamps ? 1U : 0U;
    if (sample.suspend_gap_ns) {
      gaps.push_back(*sample.suspend_gap_ns);
    }
  }
  const Sample suspend(suspends);
  const Quantile median = suspend.quantile(0.5, kConfidence).value_or(Quantile{});
  Verdict verdict{
      .name = fmt::format("suspend-costs/{}", design.name),
      .value = static_cast<double>(median.value),
      .expected = {},
      .answer = Answer::kReported,
      .reason = fmt::format("median of {} suspends with several grace periods; times of a save "
                            "were in the descriptors after {} of them. What the steps of it cost "
                            "is for `calibrate` to say",
                            samples.size(), stamps),
      .confidence = median.bounded ? std::optional(kConfidence) : std::nullopt};
  add_quantiles(verdict, "suspend_", suspend);
  add_extent(verdict, "resume_", Sample(resumes));
  add_extent(verdict, "heartbeat_off_", Sample(gaps));
  verdict.numbers.emplace_back("saved_bytes",
                               static_cast<double>(samples.back().suspend_bytes.value_or(0)));
  verdict.unit = "ns";
  return verdict;
}

}  // namespace

Result<std::vector<Verdict>> run_suspend_costs(const Setting& setting) {
  const CostPlan plan = cost_plan_of(setting);
  std::vector<Verdict> verdicts;
  for (const Design& design : kDesigns) {
    std::vector<CallSample> samples;
    // A world of its own draws: where save areas go, and what noise there is.
    const WorldRequest request{.seed = setting.seed * kDesigns.size() + verdicts.size()};
    GPREEMPT_TRY(store(samples, in_world(setting, request, [&](Session& session) {
                         return measure(session, setting, design, plan);
                       })));
    for (const CallSample& sample : samples) {
      if (setting.record) {
        setting.record(sample);
      }
    }
    verdicts.push_back(judge_costs(design, samples));
    if (setting.progress) {
      setting.progress(static_cast<double>(verdicts.size()) / kDesigns.size());
    }
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
