#include "workloads/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "workloads/arrivals.h"
#include "workloads/profile.h"
#include "workloads/scenario.h"
#include "workloads/trace.h"
#include "workloads/work.h"

namespace gpreempt {
namespace {

/// Steps drawn for an endless tenant whose steps differ; it repeats them.
constexpr std::size_t kDrawnSteps = 1024;
/// More arrivals than this in one run are a slip of the pen.
constexpr double kMaxArrivals = 50e6;

const TraceArrivals* trace_of(const TenantScenario& tenant) {
  return tenant.arrivals ? std::get_if<TraceArrivals>(&*tenant.arrivals) : nullptr;
}

/// What is known of a tenant's requests before their work is made.
struct Requests {
  std::vector<Duration> times;
  std::vector<std::uint32_t> tokens;  ///< from a trace: one per time; otherwise empty
};

// ---- traces ------------------------------------------------------------------------------------

/// The trace file of each tenant that has one, after `CompileOptions::traces`.
using TraceFiles = std::map<std::string, std::filesystem::path>;

Result<TraceFiles> trace_files(const Scenario& scenario, const CompileOptions& options) {
  TraceFiles files;
  std::vector<std::string_view> names;
  for (const TenantScenario& tenant : scenario.tenants) {
    if (const TraceArrivals* trace = trace_of(tenant)) {
      files[tenant.name] = trace->file;
      names.push_back(tenant.name);
    }
  }
  for (const auto& [tenant, file] : options.traces) {
    if (names.empty()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("use trace {}: scenario '{}' has no tenant with arrivals of kind "
                              "\"trace\"; leave --trace out",
                              file.string(), scenario.name));
    }
    if (tenant.empty() && names.size() > 1) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("use trace {}: scenario '{}' has {} tenants with a trace; write "
                              "--trace TENANT=FILE",
                              file.string(), scenario.name, names.size()));
    }
    const std::string name = tenant.empty() ? std::string(names.front()) : tenant;
    if (!files.contains(name)) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("use trace {}: no tenant '{}' has arrivals of kind \"trace\"{}",
                              file.string(), name, suggestion(name, names)));
    }
    files[name] = file;
  }
  return files;
}

Result<Requests> traced_requests(const TenantScenario& tenant, const TraceArrivals& spec,
                                 const std::filesystem::path& file,
                                 std::vector<std::string>& notes) {
  if (file.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read trace of tenant '{}': none is named; give one with --trace FILE",
                            tenant.name));
  }
  Result<Trace> trace = load_azure_trace(file, spec.on_error);
  if (!trace) {
    Error error = std::move(trace).error();
    if (error.code == Errc::kIo) {
      error.what += ", or give a trace with --trace FILE";
    }
    return tl::unexpected<Error>(std::move(error));
  }
  if (trace->skipped != 0) {
    notes.push_back(fmt::format("{}: {} lines skipped; the first: {}", tenant.name, trace->skipped,
                                trace->first_skipped));
  }
  Requests requests;
  requests.times.reserve(trace->requests.size());
  requests.tokens.reserve(trace->requests.size());
  for (const TraceRequest& request : trace->requests) {
    const double at = static_cast<double>(to_ns(request.at)) / spec.rate_scale;
    requests.times.emplace_back(spec.rate_scale == 1 ? request.at : Duration(std::llround(at)));
    requests.tokens.push_back(request.context_tokens);
  }
  return requests;
}

/// The requests of every tenant with a trace, and the run's duration.
struct Traced {
  std::map<std::string, Requests> requests;
  Duration duration{};
};

Result<Traced> read_traces(const Scenario& scenario, const CompileOptions& options,
                           std::vector<std::string>& notes) {
  Traced traced;
  TraceFiles files;
  GPREEMPT_TRY(store(files, trace_files(scenario, options)));
  Duration last{};
  for (const TenantScenario& tenant : scenario.tenants) {
    const TraceArrivals* spec = trace_of(tenant);
    if (spec == nullptr) {
      continue;
    }
    Requests& requests = traced.requests[tenant.name];
    GPREEMPT_TRY(store(requests, traced_requests(tenant, *spec, files.at(tenant.name), notes)));
    last = std::max(last, requests.times.back());
  }
  if (!scenario.run.duration && last == Duration::zero()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("take the duration of scenario '{}' from its trace: the first request "
                            "is also the last, or all come at one instant; say with --duration "
                            "how long the run is",
                            scenario.name));
  }
  // One more nanosecond, so that the last request is before the end.
  traced.duration = scenario.run.duration.value_or(last + Duration(1));
  return traced;
}

// ---- work --------------------------------------------------------------------------------------

/// Adds trains to a program, equal ones once.
class TrainMaker {
 public:
  TrainMaker(const TenantScenario& tenant, const HardwareFacts& facts, std::uint64_t seed,
             Program& program)
      : facts_(facts),
        tokens_(seed, "tokens/" + tenant.name),
        service_(seed, "service/" + tenant.name),
        program_(program) {}

  /// Index of the train for a request; `traced` is its token count in the trace, 0 without one.
  std::uint32_t make(const WorkSpec& work, std::uint32_t traced) {
    if (const auto* transformer = std::get_if<TransformerWork>(&work)) {
      return make_transformer(*transformer, traced);
    }
    if (const auto* service = std::get_if<ServiceWork>(&work)) {
      const Duration time = draw_service(*service, service_);
      return once(static_cast<std::uint64_t>(to_ns(time)), [&] {
        return KernelTrain{KernelRun{
            .count = 1, .duration = time, .shape = service->shape.value_or(facts_.whole_gpu)}};
      });
    }
    GPREEMPT_CHECK(!program_.trains.empty());  // `prepare` put the fixed train there
    return 0;
  }

  /// Makes the train of work that is the same every time.
  Result<void> prepare(const WorkSpec& work) {
    if (const auto* kernels = std::get_if<KernelsWork>(&work)) {
      program_.trains.push_back(kernels->train);
    }
    if (const auto* profile = std::get_if<ProfileWork>(&work)) {
      KernelTrain train;
      GPREEMPT_TRY(store(train, parse_orion_profile(profile->text, profile->file,
                                                    profile->time_scale, profile->shape)));
      program_.trains.push_back(std::move(train));
    }
    return {};
  }

 private:
  template <class Make>
  std::uint32_t once(std::uint64_t key, Make make) {
    const auto [found, is_new] =
        known_.try_emplace(key, static_cast<std::uint32_t>(program_.trains.size()));
    if (is_new) {
      program_.trains.push_back(make());
    }
    return found->second;
  }

  std::uint32_t make_transformer(const TransformerWork& work, std::uint32_t traced) {
    std::uint32_t tokens = traced;
    if (const auto* constant = std::get_if<ConstantTokens>(&work.context_tokens)) {
      tokens = constant->tokens;
    } else if (const auto* lognormal = std::get_if<LognormalTokens>(&work.context_tokens)) {
      tokens = draw_tokens(*lognormal, tokens_);
    }
    GPREEMPT_CHECK(tokens > 0);  // the loader refuses from-trace without a trace
    return once(tokens, [&] { return transformer_train(work, tokens, facts_.flops_fp16); });
  }

  const HardwareFacts& facts_;
  RandomStream tokens_;
  RandomStream service_;
  Program& program_;
  std::map<std::uint64_t, std::uint32_t> known_;
};

/// Whether every step of this work is the same.
bool is_fixed(const WorkSpec& work) {
  if (const auto* transformer = std::get_if<TransformerWork>(&work)) {
    return std::holds_alternative<ConstantTokens>(transformer->context_tokens);
  }
  const auto* service = std::get_if<ServiceWork>(&work);
  return service == nullptr || service->distribution == ServiceDistribution::kConstant;
}

// ---- programs ----------------------------------------------------------------------------------

Result<Requests> requests_of(const TenantScenario& tenant, const Traced& traced,
                             std::uint64_t seed) {
  Requests requests;
  if (!tenant.arrivals) {
    return requests;
  }
  if (trace_of(tenant) != nullptr) {
    return traced.requests.at(tenant.name);
  }
  const auto* periodic = std::get_if<PeriodicArrivals>(&*tenant.arrivals);
  const RandomArrivals random =
      periodic == nullptr ? std::get<RandomArrivals>(*tenant.arrivals) : RandomArrivals{};
  const double rate = periodic == nullptr ? random.rate : periodic->rate;
  const double expected = rate * static_cast<double>(to_ns(traced.duration)) / 1e9;
  if (expected > kMaxArrivals) {
    return fail(Errc::kInvalidArgument,
                fmt::format("compile tenant '{}': {:g} arrivals; lower the rate or the duration, "
                            "the most is {:g}",
                            tenant.name, expected, kMaxArrivals));
  }
  if (periodic != nullptr) {
    requests.times = periodic_arrivals(*periodic, traced.duration);
  } else {
    RandomStream stream(seed, "arrivals/" + tenant.name);
    requests.times = random_arrivals(random, traced.duration, stream);
  }
  return requests;
}

Program empty_program(const TenantScenario& tenant, const Detection& detection) {
  Program program;
  program.name = tenant.name;
  program.offline = tenant.offline;
  program.gpu = tenant.gpu;
  program.queues = tenant.queues;
  program.hardware_priority = tenant.hardware_priority;
  program.hints = !tenant.offline && detection.kind != DetectionKind::kPoll;
  program.hint_delay = program.hints ? detection.value : Duration::zero();
  program.endless = !tenant.arrivals;
  return program;
}

Result<Program> make_program(const TenantScenario& tenant, const Detection& detection,
                             const Requests& requests, const HardwareFacts& facts,
                             std::uint64_t seed) {
  Program program = empty_program(tenant, detection);
  TrainMaker trains(tenant, facts, seed, program);
  GPREEMPT_TRY(trains.prepare(tenant.work));
  for (std::size_t i = 0; i < requests.times.size(); ++i) {
    const std::uint32_t traced = requests.tokens.empty() ? 0 : requests.tokens.at(i);
    program.arrivals.push_back(
        {.at = requests.times.at(i), .train = trains.make(tenant.work, traced)});
  }
  if (program.endless) {
    const std::size_t steps = is_fixed(tenant.work) ? 1 : kDrawnSteps;
    for (std::size_t i = 0; i < steps; ++i) {
      (void)trains.make(tenant.work, 0);
    }
  }
  return program;
}

TenantMeta meta_of(const TenantScenario& tenant, const Program& program, Duration warmup) {
  TenantMeta meta;
  meta.name = tenant.name;
  meta.cls = tenant.offline ? TenantClass::kOffline : TenantClass::kOnline;
  meta.priority = tenant.priority;
  meta.arrivals = program.arrivals.size();
  std::vector<Duration> times;
  times.reserve(program.trains.size());
  for (const KernelTrain& train : program.trains) {
    times.push_back(alone_time(train));
  }
  for (const Arrival& arrival : program.arrivals) {
    meta.arrivals_counted += arrival.at >= warmup ? 1U : 0U;
    meta.service += times.at(arrival.train);
  }
  return meta;
}

Result<void> check_facts(const Scenario& scenario, const HardwareFacts& facts) {
  for (const TenantScenario& tenant : scenario.tenants) {
    if (tenant.gpu >= facts.gpus) {
      return fail(
          Errc::kInvalidArgument,
          fmt::format("compile tenant '{}': it wants GPU {}, but the hardware has {}; lower "
                      "its `gpu`",
                      tenant.name, tenant.gpu, facts.gpus));
    }
    if (std::holds_alternative<TransformerWork>(tenant.work) && !(facts.flops_fp16 > 0)) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("compile tenant '{}': the hardware's FP16 rate is unknown; add "
                              "flops_fp16 to the model",
                              tenant.name));
    }
  }
  return {};
}

}  // namespace

Result<Workload> compile(const Scenario& scenario, const HardwareFacts& facts,
                         const CompileOptions& options) {
  GPREEMPT_TRY(check_facts(scenario, facts));
  Workload workload;
  workload.drain = scenario.run.drain;
  workload.warmup = scenario.run.warmup;
  Traced traced;
  GPREEMPT_TRY(store(traced, read_traces(scenario, options, workload.notes)));
  workload.duration = traced.duration;
  for (const TenantScenario& tenant : scenario.tenants) {
    Requests requests;
    GPREEMPT_TRY(store(requests, requests_of(tenant, traced, options.seed)));
    const auto end = std::ranges::lower_bound(requests.times, workload.duration);
    requests.times.erase(end, requests.times.end());
    Program program;
    GPREEMPT_TRY(store(program, make_program(tenant, scenario.scheduler.detection, requests, facts,
                                             options.seed)));
    workload.tenants.push_back(meta_of(tenant, program, workload.warmup));
    workload.programs.push_back(std::move(program));
  }
  return workload;
}

Duration alone_time(const KernelTrain& train) {
  Duration total{};
  for (const KernelRun& run : train) {
    total += run.duration * run.count;
  }
  return total;
}

double online_utilisation(const Workload& workload, std::uint32_t gpu) {
  Duration service{};
  for (std::size_t i = 0; i < workload.programs.size(); ++i) {
    const Program& program = workload.programs.at(i);
    if (!program.offline && program.gpu == gpu) {
      service += workload.tenants.at(i).service;
    }
  }
  return workload.duration > Duration::zero()
             ? static_cast<double>(to_ns(service)) / static_cast<double>(to_ns(workload.duration))
             : 0;
}

}  // namespace gpreempt
