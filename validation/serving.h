#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "validation/hardware.h"

/// Inference services on one GPU, the first of them latency-critical.
namespace gpreempt::validation {

/// Measured time of every run. Services are periodic or closed loops, so a few seconds hold them.
inline constexpr Duration kServingLength = std::chrono::seconds(5);

/// How the others are kept out of its way.
struct Mode {
  std::string policy = "none";
  std::string mechanism = "suspend-queues";
};

struct Measured {
  double latency_ms = 0;     ///< mean of the latency-critical service, from its launch
  double critical_rate = 0;  ///< its requests done per second
  double rate = 0;           ///< those of the others together
};

/// Runs `programs` on the hardware model `model`. Errors: those of the testbed.
[[nodiscard]] Result<Measured> measure(Hardware& hardware, const std::string& model,
                                       std::vector<Program> programs, const Mode& mode);

/// The kernels of a model that REEF profiled, `scale` times as long as on its MI50.
/// Errors: kUnsupported (`data` has no profile of it), kParse.
[[nodiscard]] Result<KernelTrain> reef_model(const std::filesystem::path& data,
                                             const std::string& name, double scale);

}  // namespace gpreempt::validation
