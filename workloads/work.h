#pragma once

#include <cstdint>
#include <optional>

#include "core/error.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "workloads/scenario.h"

/// What one request runs.
namespace gpreempt {

/// The least time of a kernel: launch and drain. Evidence: derived, from the period of small
/// kernels back to back: 1.9 to 2.1 us on MI250X (PETSc) and MI210 (RRZE gpu-benches).
inline constexpr Duration kKernelFloor = std::chrono::microseconds(2);
/// Share of the peak that dense kernels reach. Evidence: derived, a rule of thumb: half of the peak
/// FLOPS.
inline constexpr double kAchievedFlops = 0.5;

/// Prefill of `tokens`: layers x kernels_per_layer equal kernels that share
/// 2 x parameters x tokens floating-point operations at `kAchievedFlops` of `flops`, each at least
/// `kKernelFloor`. Attention's quadratic part is left out: at these lengths it is small beside the
/// weights.
[[nodiscard]] KernelTrain transformer_train(const TransformerWork& work, std::uint32_t tokens,
                                            double flops);

/// The train of work that is the same every time and needs no knowledge of the hardware: listed
/// kernels and profiles. Errors: kParse (a profile).
[[nodiscard]] Result<std::optional<KernelTrain>> fixed_train(const WorkSpec& work);

/// Time a train takes when it has the GPU to itself.
[[nodiscard]] Duration alone_time(const KernelTrain& train);

/// GPU time that a request costs an engine which always has enough of them: its share of a full
/// prefill, and of a full batch's decode for each further token.
[[nodiscard]] Duration llm_service(const Serving& engine, std::uint32_t prompt_tokens,
                                   std::uint32_t output_tokens);

/// Parameters of the normal distribution under a lognormal one.
struct Lognormal {
  double mu = 0;
  double sigma = 0;
};
/// The lognormal distribution with that mean and 99th percentile: sigma = z - sqrt(z^2 - 2 ln(p99 /
/// mean)), mu = ln(mean) - sigma^2 / 2, z = 2.326. Needs 1 < p99 / mean < exp(z^2 / 2) = 14.97.
[[nodiscard]] Lognormal lognormal_from(double mean, double p99);
inline constexpr double kMaxLognormalRatio = 14.9;

/// One draw, rounded and held to 1..max.
[[nodiscard]] std::uint32_t draw_tokens(const LognormalTokens& spec, RandomStream& random);

/// One draw with the spec's mean: exponential, uniform over 0..2 x mean, or constant; at least 1
/// ns.
[[nodiscard]] Duration draw_service(const ServiceWork& spec, RandomStream& random);

}  // namespace gpreempt
