#include "workloads/work.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "core/error.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "workloads/profile.h"
#include "workloads/reef.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

constexpr double kZ99 = 2.3263478740408408;  // standard normal quantile of 0.99

}  // namespace

KernelTrain transformer_train(const TransformerWork& work, std::uint32_t tokens, double flops) {
  const std::uint32_t kernels = work.layers * work.kernels_per_layer;
  const double total_ns =
      2 * work.parameters * static_cast<double>(tokens) / (kAchievedFlops * flops) * kNsPerSecond;
  const Duration each(std::llround(total_ns / static_cast<double>(kernels)));
  return {
      KernelRun{.count = kernels, .duration = std::max(kKernelFloor, each), .shape = work.shape}};
}

Result<std::optional<KernelTrain>> fixed_train(const WorkSpec& work) {
  if (const auto* kernels = std::get_if<KernelsWork>(&work)) {
    return kernels->train;
  }
  const auto* profile = std::get_if<ProfileWork>(&work);
  if (profile == nullptr) {
    return std::optional<KernelTrain>{};
  }
  const auto found = [](KernelTrain train) { return std::optional(std::move(train)); };
  if (profile->format == "reef") {
    return parse_reef_profile({.profile = profile->text,
                               .profile_name = profile->file,
                               .schedule = profile->schedule,
                               .schedule_name = profile->schedule_file},
                              profile->normalise, profile->time_scale, profile->shape)
        .map(found);
  }
  return parse_orion_profile(profile->text, profile->file, profile->time_scale, profile->shape)
      .map(found);
}

Duration alone_time(const KernelTrain& train) {
  Duration total{};
  for (const KernelRun& run : train) {
    total += run.duration * run.count;
  }
  return total;
}

Duration llm_service(const Serving& engine, std::uint32_t prompt_tokens,
                     std::uint32_t output_tokens) {
  // Each iteration has its collectives besides its kernels.
  double collectives = 0;
  if (const std::optional<Collective>& collective = engine.collective) {
    const std::uint32_t count = (engine.kernels + collective->every - 1) / collective->every;
    collectives = static_cast<double>(count * to_ns(collective->duration));
  }
  const auto time = [collectives](const SizedTime& times, std::uint32_t size) {
    return static_cast<double>(to_ns(time_at(times, size))) + collectives;
  };
  const auto share = [&time](const SizedTime& times, std::uint32_t part, std::uint32_t whole) {
    return time(times, whole) * static_cast<double>(part) / static_cast<double>(whole);
  };
  const double alone = time(engine.prefill, prompt_tokens);
  const double prefill =
      std::min(alone, share(engine.prefill, prompt_tokens, engine.max_prefill_tokens));
  const double token = share(engine.decode, 1, engine.max_batch);
  return Duration(std::llround(prefill + static_cast<double>(output_tokens - 1) * token));
}

Lognormal lognormal_from(double mean, double p99) {
  const double sigma = kZ99 - std::sqrt(kZ99 * kZ99 - 2 * std::log(p99 / mean));
  return {.mu = std::log(mean) - sigma * sigma / 2, .sigma = sigma};
}

std::uint32_t draw_tokens(const LognormalTokens& spec, RandomStream& random) {
  const Lognormal law = lognormal_from(spec.mean, spec.p99);
  const double drawn = std::round(std::exp(law.mu + law.sigma * random.normal()));
  return static_cast<std::uint32_t>(std::clamp(drawn, 1.0, static_cast<double>(spec.max)));
}

Duration draw_service(const ServiceWork& spec, RandomStream& random) {
  const auto mean = static_cast<double>(to_ns(spec.mean));
  double drawn = mean;
  switch (spec.distribution) {
    case ServiceDistribution::kConstant: break;
    case ServiceDistribution::kExponential: drawn = random.exponential(mean); break;
    case ServiceDistribution::kUniform: drawn = 2 * mean * random.uniform(); break;
  }
  return std::max(Duration(1), Duration(std::llround(drawn)));
}

}  // namespace gpreempt
