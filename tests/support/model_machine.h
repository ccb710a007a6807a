#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "core/error.h"
#include "core/testbed.h"
#include "tests/support/testbed_case.h"

/// The modelled machine on which the contract's simulated worlds run.
namespace gpreempt::contract {

struct Machine {
  std::uint32_t gpus = 1;
  /// Whether a ring's read index passes a packet when its kernel begins; nullopt: the model's
  /// value.
  std::optional<bool> read_index_early{};
  /// Costs as in this draw, below `kDraws`, from the model's priors; nullopt: the model's values.
  std::optional<std::uint32_t> draw{};
};
inline constexpr std::uint32_t kDraws = 8;

/// An MI308X with 8 kernel compute queues under the driver dkms-6.12.12. Errors: those of
/// `sim::find_model` and `sim::find_personality`.
[[nodiscard]] Result<sim::SystemOptions> options_of(const Machine& machine);

/// A testbed of the virtual world under test: each of their `main_*.cc` defines it. From a party.
[[nodiscard]] Result<std::unique_ptr<Testbed>> open_in(sim::World& world,
                                                       const sim::SystemOptions& options);

/// `TestbedCase::suspend_band`: the sum of the steps of a suspend (docs/model.md) with every cost
/// at the ends of its prior. Least: nothing to wait for or to save. Most: the whole grace, and all
/// that the job can have on the GPU saved to system memory.
[[nodiscard]] std::optional<Band> suspend_band_of_training();

}  // namespace gpreempt::contract
