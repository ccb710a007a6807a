#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fault.h"
#include "core/program.h"
#include "core/time.h"

/// A campaign of random runs in which things go wrong: what is drawn for one of them.
namespace gpreempt::soak {

/// A process and what it does.
struct TenantPlan {
  bool offline = false;  ///< a training job without an end; otherwise a service with requests
  std::uint32_t gpu = 0;
  std::uint32_t queues = 1;
  bool hip = false;              ///< its queues are ROCr's and HIP's, an SDMA queue among them
  Duration kernel{};             ///< of each kernel
  std::uint32_t workgroups = 1;  ///< of each kernel
  std::uint32_t vgprs = 32;      ///< of each lane
  std::uint32_t requests = 0;    ///< of a service
  Duration mean_gap{};           ///< between them
};

/// Something that happens to the world at a time of its own.
struct WorldFault {
  FaultKind kind = FaultKind::kTargetExit;
  Duration at{};             ///< after the start
  std::uint32_t tenant = 0;  ///< index; a hang: of whose GPU
};

/// One run. Everything in it follows from the seed.
struct SoakPlan {
  std::uint64_t seed = 0;
  bool vkfd = true;  ///< the KFD client on the virtual driver; otherwise the simulator's backend
  std::string personality;
  std::uint32_t gpus = 1;
  std::string policy;
  Duration poll{};  ///< of the services' rings; 0: they give hints
  Duration lease{};
  std::vector<TenantPlan> tenants;
  FaultRates rates;
  std::vector<WorldFault> faults;  ///< in order of `at`
  Duration length{};               ///< until the faults stop
  bool kill_controller = false;    ///< at the end of it, as kill -9 does
};

[[nodiscard]] SoakPlan draw_plan(std::uint64_t seed);

/// What a tenant's process runs; `seed` decides when its requests arrive.
[[nodiscard]] Program program_of(const TenantPlan& tenant, std::uint32_t index,
                                 const SoakPlan& plan);

/// The plan in words, a line for each thing that is in it.
[[nodiscard]] std::string describe(const SoakPlan& plan);

}  // namespace gpreempt::soak
