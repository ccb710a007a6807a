#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibration/sample.h"
#include "core/error.h"
#include "core/testbed.h"
#include "experiments/verdict.h"

/// Questions to a driver and a GPU, each answered through a testbed: the same code on a model and
/// on hardware.
namespace gpreempt::experiments {

/// What an experiment asks of a world.
struct WorldRequest {
  std::uint32_t gpus = 1;  ///< at least so many
  /// Firmware whose ring read index passes a packet when its kernel begins (true) or ends; nullopt:
  /// as it is.
  std::optional<bool> read_index_early{};
  std::uint64_t seed = 1;
};

/// Opens a fresh testbed, one at a time: the one before must be closed and gone. Errors:
/// kUnsupported, kNoSuchDevice, kNotPermitted (this world cannot be had so, and why), and others,
/// which end the experiment.
using OpenWorld = std::function<Result<std::unique_ptr<Testbed>>(const WorldRequest&)>;

/// Where and how an experiment takes place.
struct Setting {
  OpenWorld open;
  bool quick = false;      ///< fewer repetitions and combinations, the same questions
  std::uint64_t seed = 1;  ///< of every random choice of the experiment, and of the world
  std::string backend;     ///< "sim", "vkfd", "kfd"
  Basis basis = Basis::kSimulated;
  std::function<void(double)> progress{};  ///< told the share that is done; may be empty
  /// Told of each suspend that `suspend-costs` makes, in their order; may be empty.
  std::function<void(const calibration::CallSample&)> record{};
};

struct Experiment {
  std::string_view name;      ///< on the command line
  std::string_view question;  ///< one sentence
  std::string_view needs;     ///< of a backend, besides control of one process
  /// The answers. Errors: what keeps a world from being had or used.
  Result<std::vector<Verdict>> (*run)(const Setting& setting);
};

/// All of them, in the order of the help and of docs/experiments.md.
[[nodiscard]] std::span<const Experiment> experiments();

/// Errors: kInvalidArgument (none of that name; names the nearest).
[[nodiscard]] Result<const Experiment*> find_experiment(std::string_view name);

/// Runs one. Each verdict is given the setting's backend and, unless it rests on an assumption, its
/// basis. A world that cannot be had (kUnsupported, kNoSuchDevice, kNotPermitted) is one verdict
/// `unavailable` with the reason. Errors: all others.
[[nodiscard]] Result<std::vector<Verdict>> run_experiment(const Experiment& experiment,
                                                          const Setting& setting);

}  // namespace gpreempt::experiments
