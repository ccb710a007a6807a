#include "workloads/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "workloads/requests.h"
#include "workloads/scenario.h"
#include "workloads/work.h"

namespace gpreempt {
namespace {

/// Steps of an endless tenant, or requests of a closed loop, that are drawn where they differ; they
/// are repeated.
constexpr std::size_t kDrawn = 1024;

// ---- work --------------------------------------------------------------------------------------

/// Makes a program's requests, and the trains that they run, equal ones once.
class RequestMaker {
 public:
  RequestMaker(const TenantScenario& tenant, const HardwareFacts& facts, std::uint64_t seed,
               Program& program)
      : facts_(facts),
        context_(seed, "tokens/" + tenant.name),
        output_(seed, "output/" + tenant.name),
        service_(seed, "service/" + tenant.name),
        program_(program) {}

  /// Makes what is the same for every request.
  Result<void> prepare(const WorkSpec& work) {
    std::optional<KernelTrain> train;
    GPREEMPT_TRY(store(train, fixed_train(work)));
    if (train) {
      program_.trains.push_back(*std::move(train));
    }
    if (const auto* llm = std::get_if<LlmWork>(&work)) {
      program_.serving = llm->engine;
    }
    return {};
  }

  /// A request at `at`; `traced` holds zeros without a trace.
  Arrival make(const WorkSpec& work, Duration at, Requests::Tokens traced) {
    if (const auto* transformer = std::get_if<TransformerWork>(&work)) {
      const std::uint32_t tokens = draw(transformer->context_tokens, traced.context, context_);
      const std::uint32_t train =
          once(tokens, [&] { return transformer_train(*transformer, tokens, facts_.flops_fp16); });
      return {.at = at, .train = train};
    }
    if (const auto* llm = std::get_if<LlmWork>(&work)) {
      return {.at = at,
              .prompt_tokens = draw(llm->context_tokens, traced.context, context_),
              .output_tokens = draw(llm->output_tokens, traced.output, output_)};
    }
    if (const auto* service = std::get_if<ServiceWork>(&work)) {
      const Duration time = draw_service(*service, service_);
      const std::uint32_t train = once(static_cast<std::uint64_t>(to_ns(time)), [&] {
        return KernelTrain{KernelRun{
            .count = 1, .duration = time, .shape = service->shape.value_or(facts_.whole_gpu)}};
      });
      return {.at = at, .train = train};
    }
    GPREEMPT_CHECK(!program_.trains.empty());  // `prepare` put the fixed train there
    return {.at = at, .train = 0};
  }

 private:
  static std::uint32_t draw(const TokenSpec& spec, std::uint32_t traced, RandomStream& random) {
    std::uint32_t tokens = traced;
    if (const auto* constant = std::get_if<ConstantTokens>(&spec)) {
      tokens = constant->tokens;
    } else if (const auto* lognormal = std::get_if<LognormalTokens>(&spec)) {
      tokens = draw_tokens(*lognormal, random);
    }
    GPREEMPT_CHECK(tokens > 0);  // the loader refuses from-trace without a trace
    return tokens;
  }

  template <class Make>
  std::uint32_t once(std::uint64_t key, Make make_train) {
    const auto [found, is_new] =
        known_.try_emplace(key, static_cast<std::uint32_t>(program_.trains.size()));
    if (is_new) {
      program_.trains.push_back(make_train());
    }
    return found->second;
  }

  const HardwareFacts& facts_;
  RandomStream context_;
  RandomStream output_;
  RandomStream service_;
  Program& program_;
  std::map<std::uint64_t, std::uint32_t> known_;
};

/// Whether every step of this work is the same.
bool is_fixed(const WorkSpec& work) {
  if (const auto* transformer = std::get_if<TransformerWork>(&work)) {
    return std::holds_alternative<ConstantTokens>(transformer->context_tokens);
  }
  if (const auto* llm = std::get_if<LlmWork>(&work)) {
    return std::holds_alternative<ConstantTokens>(llm->context_tokens) &&
           std::holds_alternative<ConstantTokens>(llm->output_tokens);
  }
  const auto* service = std::get_if<ServiceWork>(&work);
  return service == nullptr || service->distribution == ServiceDistribution::kConstant;
}

// ---- programs ----------------------------------------------------------------------------------

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
  program.runtime = tenant.runtime;
  program.run_ahead = tenant.run_ahead;
  program.cooperative = tenant.cooperative;
  program.preparation = tenant.preparation;
  return program;
}

const ClosedLoopArrivals* closed_loop_of(const TenantScenario& tenant) {
  return tenant.arrivals ? std::get_if<ClosedLoopArrivals>(&*tenant.arrivals) : nullptr;
}

/// What all tenants have in common.
struct Setting {
  const Detection& detection;
  const HardwareFacts& facts;
  std::uint64_t seed = 0;
  Duration duration{};
};

Result<Program> make_program(const TenantScenario& tenant, const Requests& requests,
                             const Setting& setting) {
  Program program = empty_program(tenant, setting.detection);
  RequestMaker maker(tenant, setting.facts, setting.seed, program);
  GPREEMPT_TRY(maker.prepare(tenant.work));
  for (std::size_t i = 0; i < requests.times.size(); ++i) {
    const Requests::Tokens traced =
        requests.tokens.empty() ? Requests::Tokens{} : requests.tokens.at(i);
    program.arrivals.push_back(maker.make(tenant.work, requests.times.at(i), traced));
  }
  const std::size_t drawn = is_fixed(tenant.work) ? 1 : kDrawn;
  if (const ClosedLoopArrivals* loop = closed_loop_of(tenant)) {
    program.clients = loop->clients;
    program.issue_until = setting.duration;
    for (std::size_t i = 0; i < drawn; ++i) {
      program.arrivals.push_back(maker.make(tenant.work, loop->think, {}));
    }
  } else if (program.endless) {
    for (std::size_t i = 0; i < drawn; ++i) {
      (void)maker.make(tenant.work, Duration::zero(), {});
    }
  }
  return program;
}

/// How a tenant's ranks wait for each other; null if nobody does.
const GangCollective* meeting_of(const TenantScenario& tenant) {
  if (!tenant.gang || tenant.gang->gpus.size() == 1) {
    return nullptr;
  }
  const std::optional<GangCollective>& meeting = tenant.gang->meeting;
  return meeting ? &*meeting : nullptr;
}

/// Puts the collectives between the kernels of whatever it runs.
void couple(const Collective& collective, Program& program) {
  for (KernelTrain& train : program.trains) {
    train = with_collectives(train, collective);
  }
  if (program.serving) {
    program.serving->collective = collective;
  }
}

/// The programs of a tenant whose first rank's is `program`: one for each process.
std::vector<Program> programs_of(const TenantScenario& tenant, std::uint32_t number,
                                 Program program) {
  std::vector<Program> programs;
  if (!tenant.gang || tenant.gang->gpus.size() == 1) {
    programs.push_back(std::move(program));
    return programs;
  }
  const GangCollective* const meeting = meeting_of(tenant);
  const std::vector<std::uint32_t>& gpus = tenant.gang->gpus;
  GangPlace place{.gang = number,
                  .rank = 0,
                  .ranks = static_cast<std::uint32_t>(gpus.size()),
                  .timeout = meeting == nullptr ? Duration::max() : meeting->timeout};
  program.gang = place;
  if (tenant.gang->one_process) {
    program.more_gpus.assign(gpus.begin() + 1, gpus.end());
    programs.push_back(std::move(program));
    return programs;
  }
  for (std::uint32_t rank = 0; rank < gpus.size(); ++rank) {
    Program& each = programs.emplace_back(program);
    each.gpu = gpus.at(rank);
    place.rank = rank;
    each.gang = place;
    each.hints = program.hints && rank == 0;  // an engine tells of each request once
  }
  return programs;
}

TenantMeta meta_of(const TenantScenario& tenant, const Program& program, Duration warmup) {
  TenantMeta meta;
  meta.gpus = tenant.gang ? tenant.gang->gpus : std::vector{tenant.gpu};
  if (const GangCollective* const meeting = meeting_of(tenant)) {
    meta.coupled = true;
    meta.stall_limit = meeting->timeout;
  }
  meta.name = tenant.name;
  meta.cls = tenant.offline ? TenantClass::kOffline : TenantClass::kOnline;
  meta.priority = tenant.priority;
  meta.weight = tenant.weight;
  meta.promise = tenant.deadline.value_or(kNoPromise);
  meta.clients = program.clients;
  if (program.clients > 0) {
    return meta;
  }
  meta.arrivals = program.arrivals.size();
  std::vector<Duration> times;
  times.reserve(program.trains.size());
  for (const KernelTrain& train : program.trains) {
    times.push_back(alone_time(train));
  }
  for (const Arrival& arrival : program.arrivals) {
    meta.arrivals_counted += arrival.at >= warmup ? 1U : 0U;
    meta.service += program.serving ? llm_service(*program.serving, arrival.prompt_tokens,
                                                  arrival.output_tokens)
                                    : times.at(arrival.train);
  }
  return meta;
}

Result<void> check_facts(const Scenario& scenario, const HardwareFacts& facts) {
  for (const TenantScenario& tenant : scenario.tenants) {
    std::uint32_t last = tenant.gpu;
    if (tenant.gang) {
      last = *std::ranges::max_element(tenant.gang->gpus);
    }
    if (last >= facts.gpus) {
      return fail(
          Errc::kInvalidArgument,
          fmt::format("compile tenant '{}': it wants GPU {}, but the hardware has {}; lower "
                      "its `gpu`",
                      tenant.name, last, facts.gpus));
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
  const Setting setting{.detection = scenario.scheduler.detection,
                        .facts = facts,
                        .seed = options.seed,
                        .duration = workload.duration};
  for (const TenantScenario& tenant : scenario.tenants) {
    Requests requests;
    GPREEMPT_TRY(store(requests, requests_of(tenant, traced, options.seed)));
    const auto end =
        std::lower_bound(requests.times.begin(), requests.times.end(), workload.duration);
    requests.times.erase(end, requests.times.end());
    Program program;
    GPREEMPT_TRY(store(program, make_program(tenant, requests, setting)));
    if (const GangCollective* const meeting = meeting_of(tenant)) {
      couple(meeting->collective, program);
    }
    TenantMeta& meta = workload.tenants.emplace_back(meta_of(tenant, program, workload.warmup));
    meta.first_program = workload.programs.size();
    const auto number = static_cast<std::uint32_t>(workload.tenants.size());
    std::vector<Program> programs = programs_of(tenant, number, std::move(program));
    meta.programs = programs.size();
    std::ranges::move(programs, std::back_inserter(workload.programs));
  }
  return workload;
}

double online_utilisation(const Workload& workload, std::uint32_t gpu) {
  Duration service{};
  for (const TenantMeta& tenant : workload.tenants) {
    if (tenant.cls == TenantClass::kOnline &&
        std::ranges::find(tenant.gpus, gpu) != tenant.gpus.end()) {
      service += tenant.service;
    }
  }
  return workload.duration > Duration::zero()
             ? static_cast<double>(to_ns(service)) / static_cast<double>(to_ns(workload.duration))
             : 0;
}

}  // namespace gpreempt
