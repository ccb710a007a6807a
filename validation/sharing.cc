// Processor sharing and turns: what equal queues get of one GPU.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/testbed.h"
#include "core/time.h"
#include "validation/free_gpu.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/queueing.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr std::uint64_t kSharingSeed = 20260303;

// ---- processor sharing --------------------------------------------------------------------------

constexpr double kSmallQuantum = 1e4;

/// Requests of many small rounds, each on a queue of its own: the queues share the places workgroup
/// by workgroup, and a round is the quantum. Mean sojourn over its formula.
Result<double> processor_sharing(double load, double quantum, const Draw& service) {
  constexpr double kMean = 1e6;
  constexpr std::uint64_t kRequests = 60'000;
  constexpr std::uint32_t kQueues = 96;
  sim::SystemOptions options = free_system();
  options.gpu.hqd_slots = kQueues;
  sim::PlainTimeline timeline;
  sim::System system(timeline, options);
  Program program = queueing_program("shared", kRequests, kMean / load, service, kSharingSeed);
  program.queues = kQueues;
  double asked = 0;
  for (KernelTrain& train : program.trains) {
    const auto rounds = static_cast<std::uint32_t>(
        static_cast<double>(to_ns(train.front().duration)) / quantum + 1);
    train.front().shape.workgroups = rounds * kFull;
    train.front().duration = Duration(std::llround(quantum)) * rounds;
    asked += rounds * quantum;
  }
  const double first = asked / static_cast<double>(kRequests);
  const double last = static_cast<double>(to_ns(program.arrivals.back().at));
  const double rho = asked / last;
  const Instant end = Instant{} + program.arrivals.back().at + std::chrono::seconds(10);
  Pid pid;
  GPREEMPT_TRY(store(pid, system.launch(std::move(program))));
  system.start();
  timeline.run_until(end);
  return mean_sojourn(system.requests(pid)) / (first / (1 - rho));
}

Target sharing_target(std::string name, const Draw& service) {
  return {.group = "round-robin",
          .name = std::move(name),
          .unit = "sojourn / formula",
          .expected = 1,
          .tolerance = within_percent(5),
          .label = Label::kPredicted,
          .source = "processor sharing: S/(1-rho), whatever the distribution of service",
          .run = [service](Hardware& /*hardware*/) {
            return processor_sharing(0.5, kSmallQuantum, service);
          }};
}

/// How far a quantum is from processor sharing, over how far one ten times as long is.
Target quantum_target(double quantum) {
  return {
      .group = "round-robin",
      .name = fmt::format("quantum-{:.0f}us-nearer-than-{:.0f}us", quantum / 1e3, quantum / 1e2),
      .unit = "distance / distance",
      .expected = 0.5,
      .tolerance = at_most(),
      .label = Label::kPredicted,
      .source = "round robin becomes processor sharing as the quantum goes to 0; S = 1 ms",
      .run = [quantum](Hardware& /*hardware*/) -> Result<double> {
        const Draw service = [](RandomStream& random) { return random.uniform() * 2e6; };
        double shorter = 0;
        double longer = 0;
        GPREEMPT_TRY(store(shorter, processor_sharing(0.5, quantum, service)));
        GPREEMPT_TRY(store(longer, processor_sharing(0.5, 10 * quantum, service)));
        return std::abs(shorter - 1) / std::abs(longer - 1);
      }};
}

// ---- turns --------------------------------------------------------------------------------------

/// Queues that never stop, on one runlist.
class Turns : public sim::WaveDispatcher::Listener {
 public:
  Turns(const sim::GpuParameters& gpu, std::uint32_t processes, std::uint32_t queues)
      : device_(timeline_, gpu, *this, {}) {
    const auto plan = std::make_shared<const sim::TrainPlan>(
        gpu, KernelTrain{{.count = 1,
                          .duration = std::chrono::microseconds(50),
                          .shape = small_workgroups(16)}});
    sim::Runlist list;
    for (std::uint32_t p = 0; p < processes; ++p) {
      sim::RunlistProcess& process = list.emplace_back();
      process.process = static_cast<std::int32_t>(p);
      for (std::uint32_t q = 0; q < queues; ++q) {
        process.queues.push_back(device_.add_queue({.process = process.process}));
        device_.waves().submit(process.queues.back(), {.plan = plan, .tag = 0, .endless = true});
      }
    }
    device_.map(std::move(list));
  }
  void first_wave(sim::QueueIndex queue, std::uint64_t /*tag*/) override {
    first_[queue] = timeline_.now();
  }
  void job_done(sim::QueueIndex /*queue*/, std::uint64_t /*tag*/) override {}

  void run(Duration duration) { timeline_.run_until(Instant{} + duration); }
  [[nodiscard]] double share(sim::QueueIndex queue) {
    return static_cast<double>(to_ns(device_.waves().progress(queue).work)) /
           static_cast<double>(to_ns(timeline_.now() - Instant{}));
  }
  [[nodiscard]] Duration first_wave_of(sim::QueueIndex queue) {
    return first_.at(queue) - Instant{};
  }

 private:
  std::map<sim::QueueIndex, Instant> first_;
  sim::PlainTimeline timeline_;
  sim::Gpu device_;
};

Target turns_target(std::string name, std::string unit, double expected, Tolerance tolerance,
                    std::string source, std::function<double()> measure) {
  return {.group = "oversubscription",
          .name = std::move(name),
          .unit = std::move(unit),
          .expected = expected,
          .tolerance = tolerance,
          .label = Label::kPredicted,
          .source = std::move(source),
          .run = [measure = std::move(measure)](Hardware& /*hardware*/) -> Result<double> {
            return measure();
          }};
}

double share_of_one(std::uint32_t processes, std::uint32_t queues, Duration switching = {}) {
  sim::GpuParameters gpu = free_gpu();
  gpu.t_map = switching;
  Turns turns(gpu, processes, queues);
  turns.run(std::chrono::seconds(2));
  return turns.share(0);
}

/// V18: kfdtest's OverSubscribeCpQueues, 65 queues of 100 packets each.
Target many_queues() {
  return {.group = "V18",
          .name = "v18-65-queues",
          .unit = "s",
          .expected = 5,
          .tolerance = at_most(),
          .label = Label::kPredicted,
          .source = "libhsakmt KFDQMTest OverSubscribeCpQueues: done within 5 s",
          .run = [](Hardware& hardware) -> Result<double> {
            sim::GpuParameters gpu;
            GPREEMPT_TRY(store(gpu, hardware.gpu("mi308x")));
            sim::PlainTimeline timeline;
            sim::System system(timeline,
                               {.gpu = gpu, .gpus = 1, .personality = {.name = "kfdtest"}});
            Program program{.name = "kfdtest", .queues = 65};
            program.trains = {{{.count = 100,
                                .duration = std::chrono::microseconds(5),
                                .shape = {.workgroups = 1, .waves = 1, .vgprs = 16}}}};
            for (std::uint32_t i = 0; i < program.queues; ++i) {
              program.arrivals.push_back({.at = {}, .train = 0});
            }
            Pid pid;
            GPREEMPT_TRY(store(pid, system.launch(std::move(program))));
            const Instant start = system.start();
            timeline.run_until(start + std::chrono::seconds(20));
            Instant last = start;
            for (const RequestRecord& request : system.requests(pid)) {
              last = std::max(last, request.end);
            }
            return std::chrono::duration<double>(last - start).count();
          }};
}

}  // namespace

std::vector<Target> sharing_targets() {
  const std::string rule = "pm_calc_rlib_size; G = max(ceil(processes/VMIDs), ceil(queues/slots))";
  std::vector<Target> targets{
      sharing_target("processor-sharing-exponential",
                     [](RandomStream& random) { return random.exponential(1e6); }),
      sharing_target("processor-sharing-constant", [](RandomStream&) { return 1e6; }),
      quantum_target(1e5), quantum_target(3e4)};
  Target capacity =
      turns_target("round-robin-capacity", "share of one of two", 0.5 * 1000 / (1000 + 100),
                   within_percent(1), "capacity q/(q+c) with quantum 1 ms and switch 0.1 ms",
                   [] { return share_of_one(1, 48, std::chrono::microseconds(100)); });
  capacity.group = "round-robin";
  targets.push_back(std::move(capacity));
  targets.push_back(turns_target("24-queues-share", "share of one", 1, within_percent(0.1), rule,
                                 [] { return share_of_one(2, 12); }));
  targets.push_back(turns_target("25-queues-share", "share of one", 0.5, within_percent(1), rule,
                                 [] { return share_of_one(1, 25); }));
  targets.push_back(turns_target("14-processes-share", "share of one", 0.5, within_percent(1), rule,
                                 [] { return share_of_one(14, 1); }));
  targets.push_back(turns_target("worst-wait-of-3-turns", "ms", 2 * 1.1 + 0.1, within_percent(0.1),
                                 "(G-1)(Q+c) until the turn, and its own switch", [] {
                                   sim::GpuParameters gpu = free_gpu();
                                   gpu.t_map = std::chrono::microseconds(100);
                                   Turns turns(gpu, 1, 72);
                                   turns.run(std::chrono::milliseconds(10));
                                   return static_cast<double>(to_ns(turns.first_wave_of(48))) / 1e6;
                                 }));
  targets.push_back(many_queues());
  return targets;
}

}  // namespace gpreempt::validation
