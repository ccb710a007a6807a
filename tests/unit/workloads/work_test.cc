#include "workloads/work.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr double kStandardErrors = 5;

constexpr KernelShape kShape{
    .workgroups = 240, .waves = 4, .vgprs = 64, .lds_bytes = std::uint64_t{16} * 1024};
const TransformerWork kGuard{.parameters = 0.34e9,
                             .layers = 24,
                             .kernels_per_layer = 10,
                             .context_tokens = ConstantTokens{.tokens = 1155},
                             .shape = kShape};

TEST(TransformerTrain, TakesTwoFlopsAParameterAndTokenAtHalfThePeak) {
  // 2 x 0.34e9 x 1155 / 172e12 s = 4.56628 ms over 240 kernels = 19,026.16 ns each.
  const KernelTrain train = transformer_train(kGuard, 1155, 344e12);
  ASSERT_EQ(train.size(), 1U);
  EXPECT_EQ(train.at(0).count, 240U);
  EXPECT_EQ(train.at(0).duration, Duration(19'026));
  EXPECT_EQ(train.at(0).shape.workgroups, 240U);
  EXPECT_EQ(alone_time(train), Duration(240 * 19'026));
}

TEST(TransformerTrain, HasKernelsOfAtLeastTwoMicroseconds) {
  // 100 tokens would be 1.65 us a kernel.
  const KernelTrain train = transformer_train(kGuard, 100, 344e12);
  EXPECT_EQ(train.at(0).duration, std::chrono::microseconds(2));
  EXPECT_EQ(alone_time(train), std::chrono::microseconds(480));
}

TEST(Lognormal, HasTheMeanAndTailAsked) {
  const Lognormal law = lognormal_from(1155, 4142);
  EXPECT_NEAR(std::exp(law.mu + law.sigma * law.sigma / 2), 1155, 1e-6);
  EXPECT_NEAR(std::exp(law.mu + 2.3263478740408408 * law.sigma), 4142, 1e-6);
}

TEST(TokenDraws, FollowTheLognormalLaw) {
  constexpr std::size_t kDraws = 100'000;
  const LognormalTokens spec{.mean = 1155, .p99 = 4142, .max = 1'000'000};
  const double sigma = lognormal_from(spec.mean, spec.p99).sigma;
  RandomStream random(kSeed, "tokens/test");
  double sum = 0;
  double above = 0;
  for (std::size_t i = 0; i < kDraws; ++i) {
    const double tokens = draw_tokens(spec, random);
    sum += tokens;
    above += tokens > spec.p99 ? 1 : 0;
  }
  // Relative variance of a lognormal: exp(sigma^2) - 1. Draws above p99 are binomial.
  const double mean_error = std::sqrt((std::exp(sigma * sigma) - 1) / kDraws);
  const double tail_error = std::sqrt(0.01 * 0.99 / kDraws);
  EXPECT_NEAR(sum / kDraws / spec.mean, 1, kStandardErrors * mean_error) << "seed " << kSeed;
  EXPECT_NEAR(above / kDraws, 0.01, kStandardErrors * tail_error) << "seed " << kSeed;
}

TEST(TokenDraws, StayWithinOneAndTheirMaximum) {
  RandomStream random(kSeed, "tokens/test");
  const LognormalTokens spec{.mean = 2, .p99 = 20, .max = 5};
  std::vector<std::uint32_t> draws(10'000);
  std::ranges::generate(draws, [&] { return draw_tokens(spec, random); });
  EXPECT_EQ(std::ranges::min(draws), 1U);
  EXPECT_EQ(std::ranges::max(draws), 5U);
}

double mean_service_ms(ServiceDistribution distribution, std::size_t draws) {
  RandomStream random(kSeed, "service/test");
  const ServiceWork spec{
      .distribution = distribution, .mean = std::chrono::milliseconds(3), .shape = {}};
  double sum = 0;
  for (std::size_t i = 0; i < draws; ++i) {
    sum += static_cast<double>(to_ns(draw_service(spec, random))) / 1e6;
  }
  return sum / static_cast<double>(draws);
}

TEST(ServiceDraws, HaveTheMeanAsked) {
  constexpr std::size_t kDraws = 100'000;
  const double root = std::sqrt(static_cast<double>(kDraws));
  EXPECT_EQ(mean_service_ms(ServiceDistribution::kConstant, 10), 3);
  // Standard deviations: the mean for exponential, mean / sqrt(3) for uniform over 0..2 x mean.
  EXPECT_NEAR(mean_service_ms(ServiceDistribution::kExponential, kDraws), 3,
              kStandardErrors * 3 / root)
      << "seed " << kSeed;
  EXPECT_NEAR(mean_service_ms(ServiceDistribution::kUniform, kDraws), 3,
              kStandardErrors * 3 / std::sqrt(3.0) / root)
      << "seed " << kSeed;
}

TEST(AloneTime, IsTheSumOfTheKernels) {
  const KernelTrain train{{.count = 700, .duration = std::chrono::microseconds(6), .shape = {}},
                          {.count = 249, .duration = std::chrono::microseconds(367), .shape = {}}};
  EXPECT_EQ(alone_time(train), std::chrono::microseconds(700 * 6 + 249 * 367));
  EXPECT_EQ(alone_time({}), Duration(0));
}

}  // namespace
}  // namespace gpreempt
