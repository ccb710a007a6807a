#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/scenario.h"

/// From a scenario to programs: every random choice is made here.
namespace gpreempt {

/// What the compiler must know of the hardware.
struct HardwareFacts {
  double flops_fp16 = 0;  ///< peak, per GPU
  std::uint32_t gpus = 1;
  /// What exactly fills one GPU, for `service` requests. Default: 80 CUs x 8 workgroups x 4 waves.
  KernelShape whole_gpu{.workgroups = 640, .waves = 4, .vgprs = 64, .lds_bytes = 0};
};

struct CompileOptions {
  std::uint64_t seed = 1;
  /// Tenant -> trace file, replacing the scenario's; "" is the only tenant with a trace.
  std::map<std::string, std::filesystem::path> traces;
};

/// What reports and the scheduler need to know of a tenant, beside its programs.
struct TenantMeta {
  std::string name;
  TenantClass cls = TenantClass::kOffline;
  std::uint32_t priority = 0;
  std::uint32_t weight = 1;
  Duration promise = kNoPromise;       ///< latency that its requests are promised
  std::uint64_t arrivals = 0;          ///< in the program; 0 of a closed loop
  std::uint64_t arrivals_counted = 0;  ///< those at or after the warm-up
  /// GPU time that its arrivals need: the sum of `alone_time`, or of `llm_service` (an estimate).
  Duration service{};
  std::uint32_t clients = 0;  ///< of a closed loop
  /// Its programs are those from this one on: a gang has one for each of its processes. Only the
  /// first one's requests count; those of the others are the same ones.
  std::size_t first_program = 0;
  std::size_t programs = 1;
  std::vector<std::uint32_t> gpus;         ///< of its ranks, in their order
  bool coupled = false;                    ///< its ranks wait for each other at collectives
  Duration stall_limit = Duration::max();  ///< a longer wait there aborts it
  bool operator==(const TenantMeta&) const = default;
};

struct Workload {
  std::vector<Program> programs;    ///< Online first, in the order of the file
  std::vector<TenantMeta> tenants;  ///< the same; usually one per program
  Duration duration{};              ///< arrivals are before this
  Duration drain{};
  Duration warmup{};
  std::vector<std::string> notes;  ///< for people: skipped trace lines and the like
  bool operator==(const Workload&) const = default;
};

/// Makes the programs. The same scenario, facts and options give the same workload; each tenant has
/// random streams of its own, so adding a tenant changes no other's draws. Arrivals at or after the
/// duration are dropped.
/// Errors: kInvalidArgument (a tenant wants a GPU the hardware lacks, a trace for an unknown
/// tenant, no trace file, a duration from a trace that spans no time), kIo, kParse (a trace).
[[nodiscard]] Result<Workload> compile(const Scenario& scenario, const HardwareFacts& facts,
                                       const CompileOptions& options);

/// Share of the run that Online requests need of GPU `gpu`: the sum of `TenantMeta::service` over
/// the duration. At 1 or more the queue grows without bound. Closed loops are left out: they wait
/// for their own requests.
[[nodiscard]] double online_utilisation(const Workload& workload, std::uint32_t gpu = 0);

}  // namespace gpreempt
