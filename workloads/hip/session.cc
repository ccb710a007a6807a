#include "workloads/hip/session.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gemm.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/linux_host.h"
#include "workloads/hip/options.h"
#include "workloads/hip/queues.h"
#include "workloads/hip/records.h"
#include "workloads/hip/runner.h"
#include "workloads/hip/tenant.h"

namespace gpreempt::hip {
namespace {

constexpr std::uint32_t kReadingsATime = 128;
constexpr int kLost = 1;
constexpr int kRefused = 2;
constexpr int kEnvironment = 3;
constexpr int kInternal = 4;

Result<void> add_readings(Gpu& gpu, Host& host, std::vector<ClockSample>& samples) {
  std::vector<ClockSample> more;
  GPREEMPT_TRY(store(more, gpu.read_clock(host, kReadingsATime)));
  samples.insert(samples.end(), more.begin(), more.end());
  return {};
}

Result<KernelPlan> calibrate_alone(const TenantPlan& tenant, const Options& options, Gpu& gpu,
                                   LinuxHost& host, StreamId stream) {
  std::unique_ptr<LinuxHost::Turn> turn;
  GPREEMPT_TRY(store(turn, host.await_turn(gpu.facts().bus)));
  return KernelPlan::make(tenant.program.trains,
                          {.traffic_bytes = options.traffic, .gemm = options.gemm}, gpu, host,
                          stream);
}

RunnerOptions runner_options(const Options& options, const TenantPlan& tenant) {
  return {.duration = tenant.duration,
          .drain = tenant.drain,
          .endlessly = options.endlessly,
          .heartbeat = options.heartbeat,
          .heartbeat_threshold = options.heartbeat_threshold,
          .audit_every = options.audit_every};
}

Result<void> write_all(const RunFacts& facts) {
  fmt::print("{}", report_text(facts));
  if (!facts.options.records.empty()) {
    GPREEMPT_TRY(write_file(facts.options.records, records_text(facts)));
  }
  if (!facts.options.report.empty()) {
    GPREEMPT_TRY(write_file(facts.options.report, report_json(facts)));
  }
  (void)std::fflush(stdout);
  return {};
}

/// Some rows of the last product, which must be exact.
Result<void> check_products(const Options& options, Gpu& gpu, const RunOutcome& outcome) {
  if (options.gemm == 0 || outcome.unfinished || outcome.kernels == 0) {
    return {};
  }
  constexpr std::uint32_t kRowsChecked = 8;
  for (std::uint32_t i = 0; i < kRowsChecked; ++i) {
    const std::uint32_t row = (options.gemm - 1) * i / (kRowsChecked - 1);
    std::vector<float> values;
    GPREEMPT_TRY(store(values, gpu.gemm_row(options.gemm, row)));
    if (const auto column = first_wrong(values, row)) {
      return fail(Errc::kHardwareFailure,
                  fmt::format("check a product of {0} x {0} matrices: row {1}, column {2} is {3}, "
                              "expected {4}; the GPU computed wrong, or a preemption lost state",
                              options.gemm, row, *column, values.at(*column),
                              gemm_element(options.gemm, row, *column)));
    }
  }
  return {};
}

/// Ends the process now: the runtime's own end would wait for kernels that nobody resumes.
[[noreturn]] void leave(int code) {
  (void)std::fflush(nullptr);
  std::quick_exit(code);
}

/// The further GPUs of the program, each with one queue. The one that is opened last is the one
/// that this thread works with, so that these come first.
Result<std::vector<std::unique_ptr<Gpu>>> open_idle_gpus(const Program& program, LinuxHost& host,
                                                         const OpenGpu& open_gpu) {
  std::vector<std::unique_ptr<Gpu>> gpus;
  for (const std::uint32_t index : program.idle_gpus) {
    GPREEMPT_TRY(store(gpus.emplace_back(), open_gpu(index)));
    GPREEMPT_TRY(make_streams(*gpus.back(), host, 1, program.hardware_priority));
  }
  return gpus;
}

/// A GPU with the program's streams.
struct Opened {
  std::unique_ptr<Gpu> gpu;
  std::vector<StreamId> streams;
};

Result<bool> idle_session(const TenantPlan& tenant, const Options& options, LinuxHost& host,
                          const Gpu& gpu) {
  std::optional<Instant> start;
  GPREEMPT_TRY(store(start, host.await_start()));
  const RunOutcome outcome =
      start ? stay_idle(host, *start + tenant.duration) : RunOutcome{.stopped = true};
  GPREEMPT_TRY(write_all({.options = options,
                          .program = tenant.program,
                          .gpu = gpu.facts(),
                          .plan = {},
                          .clock = {},
                          .outcome = outcome}));
  return true;
}

Result<bool> work_session(const TenantPlan& tenant, const Options& options, LinuxHost& host,
                          const Opened& opened) {
  Gpu& gpu = *opened.gpu;
  KernelPlan plan;
  GPREEMPT_TRY(store(plan, calibrate_alone(tenant, options, gpu, host, opened.streams.front())));
  if (options.fault) {
    gpu.inject(opened.streams.front(), *options.fault);
  }
  std::vector<ClockSample> samples;
  GPREEMPT_TRY(add_readings(gpu, host, samples));
  ClockFit clock;
  GPREEMPT_TRY(store(clock, fit_clock(samples)));
  std::optional<Instant> start;
  GPREEMPT_TRY(store(start, host.await_start()));
  RunOutcome outcome{.stopped = true};
  if (start) {
    GPREEMPT_TRY(add_readings(gpu, host, samples));
    GPREEMPT_TRY(store(clock, fit_clock(samples)));
    Runner runner(tenant.program, plan, opened.streams, clock, runner_options(options, tenant));
    GPREEMPT_TRY(store(outcome, runner.run(gpu, host, *start)));
  }
  if (!outcome.unfinished) {
    GPREEMPT_TRY(add_readings(gpu, host, samples));
  }
  ClockFit whole;
  GPREEMPT_TRY(store(whole, fit_clock(samples)));
  GPREEMPT_TRY(write_all({.options = options,
                          .program = tenant.program,
                          .gpu = gpu.facts(),
                          .plan = plan,
                          .clock = whole,
                          .outcome = outcome}));
  GPREEMPT_TRY(check_products(options, gpu, outcome));
  const bool intact = outcome.losses.empty() && outcome.losses_found == 0;
  if (outcome.unfinished) {
    leave(intact ? 0 : kLost);
  }
  return intact;
}

}  // namespace

Result<bool> run_session(const Options& options, LinuxHost& host, const OpenGpu& open_gpu) {
  TenantPlan tenant;
  GPREEMPT_TRY(store(tenant, plan_tenant(options)));
  if (!options.hints.empty()) {
    GPREEMPT_TRY(host.listen_to(options.hints));
    if (!options.program.empty()) {
      host.end_with_scheduler();
    }
  }
  GPREEMPT_TRY(LinuxHost::allow_queues(queues_wanted(tenant.program)));
  std::vector<std::unique_ptr<Gpu>> idle_gpus;
  GPREEMPT_TRY(store(idle_gpus, open_idle_gpus(tenant.program, host, open_gpu)));
  Opened opened;
  GPREEMPT_TRY(store(opened.gpu, open_gpu(tenant.program.gpu)));
  GPREEMPT_TRY(store(opened.streams, make_streams(*opened.gpu, host, tenant.program.queues,
                                                  tenant.program.hardware_priority)));
  return is_idle(tenant.program) ? idle_session(tenant, options, host, *opened.gpu)
                                 : work_session(tenant, options, host, opened);
}

int exit_code_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kUnsupported:
    case Errc::kParse: return kRefused;
    case Errc::kNotPermitted:
    case Errc::kNoSuchDevice:
    case Errc::kNoSuchQueue:
    case Errc::kBusy:
    case Errc::kHardwareFailure:
    case Errc::kProcessExited:
    case Errc::kInterrupted:
    case Errc::kIo:
    case Errc::kTimedOut: return kEnvironment;
    case Errc::kInternal: break;
  }
  return kInternal;
}

int workload_main(Role role, const std::vector<std::string>& arguments, const OpenGpu& open_gpu) {
  const char* const name = role == Role::kOnline ? "gpreempt-hip-online" : "gpreempt-hip-offline";
  const auto report = [&](const Error& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what);
    return exit_code_of(error.code);
  };
  try {
    const Result<CommandLine> line = read_command_line(role, arguments);
    if (!line) {
      return report(line.error());
    }
    if (!line->printout.empty()) {
      fmt::print("{}", line->printout);
      return 0;
    }
    const Result<std::unique_ptr<LinuxHost>> host = LinuxHost::open();
    if (!host) {
      return report(host.error());
    }
    const Result<bool> intact = run_session(line->options, **host, open_gpu);
    if (!intact) {
      // A GPU that failed may keep its runtime from ending.
      leave(report(intact.error()));
    }
    return *intact ? 0 : kLost;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: internal error: {}; please report it\n", name, error.what());
    return kInternal;
  }
}

}  // namespace gpreempt::hip
