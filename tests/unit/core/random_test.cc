// Goal: the random streams give the published values and the moments of their distributions.
// Method: reference outputs of SplitMix64 and FNV-1a; sample moments of seeded streams against the
// closed forms, with a tolerance of five standard errors.

#include "core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/fnv1a.h"
#include "core/splitmix64.h"

namespace gpreempt {
namespace {

constexpr std::uint64_t kSeed = 20240607;
constexpr int kDraws = 200'000;

struct Moments {
  double mean = 0;
  double variance = 0;
};

template <class Draw>
Moments moments_of(Draw draw) {
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kDraws;
  return {.mean = mean, .variance = squares / kDraws - mean * mean};
}

double standard_error(double variance) { return std::sqrt(variance / kDraws); }

TEST(SplitMix64Test, GivesThePublishedSequence) {
  std::uint64_t state = 1234567;
  constexpr std::array<std::uint64_t, 5> kExpected{6457827717110365317U, 3203168211198807973U,
                                                   9817491932198370423U, 4593380528125082431U,
                                                   16408922859458223821U};
  for (const std::uint64_t expected : kExpected) {
    EXPECT_EQ(detail::splitmix64(state), expected);
  }
}

TEST(Fnv1aTest, GivesThePublishedHashes) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8U);
}

TEST(RandomStreamTest, RepeatsForTheSameSeedAndPurpose) {
  RandomStream first(kSeed, "arrivals/guard");
  RandomStream second(kSeed, "arrivals/guard");
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(first.next(), second.next());
  }
}

TEST(RandomStreamTest, DiffersBySeedAndByPurpose) {
  EXPECT_NE(RandomStream(1, "a").next(), RandomStream(2, "a").next());
  EXPECT_NE(RandomStream(1, "a").next(), RandomStream(1, "b").next());
}

TEST(RandomStreamTest, UniformHasTheMomentsOfTheUnitInterval) {
  RandomStream stream(kSeed, "uniform");
  const Moments m = moments_of([&] {
    const double u = stream.uniform();
    EXPECT_GT(u, 0);
    EXPECT_LT(u, 1);
    return u;
  });
  EXPECT_NEAR(m.mean, 0.5, 5 * standard_error(1.0 / 12));
  EXPECT_NEAR(m.variance, 1.0 / 12, 0.001);
}

TEST(RandomStreamTest, BelowReachesEveryValueEquallyOften) {
  RandomStream stream(kSeed, "below");
  constexpr std::size_t kBound = 7;
  std::array<int, kBound> counts{};
  for (int i = 0; i < kDraws; ++i) {
    ++counts.at(stream.below(kBound));
  }
  const double expected = static_cast<double>(kDraws) / kBound;
  double chi_square = 0;
  for (const int count : counts) {
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_square, 22.46);  // 99.9 % of chi-square with 6 degrees of freedom
}

TEST(RandomStreamTest, BelowStaysUnderBoundsThatDoNotDivideTheRange) {
  RandomStream stream(kSeed, "below-large");
  constexpr std::uint64_t kBound = (std::uint64_t{1} << 63U) + 1;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(stream.below(kBound), kBound);
  }
  EXPECT_EQ(stream.below(1), 0U);
}

TEST(RandomStreamTest, ExponentialHasItsMeanAndVariance) {
  RandomStream stream(kSeed, "exponential");
  const Moments m = moments_of([&] { return stream.exponential(3); });
  EXPECT_NEAR(m.mean, 3, 5 * standard_error(9));
  EXPECT_NEAR(m.variance, 9, 0.3);
}

TEST(RandomStreamTest, NormalHasTheStandardMoments) {
  RandomStream stream(kSeed, "normal");
  const Moments m = moments_of([&] { return stream.normal(); });
  EXPECT_NEAR(m.mean, 0, 5 * standard_error(1));
  EXPECT_NEAR(m.variance, 1, 0.02);
}

TEST(RandomStreamTest, NormalInvertsTheNormalDistribution) {
  RandomStream uniforms(kSeed, "inversion");
  RandomStream normals(kSeed, "inversion");
  for (int i = 0; i < 1000; ++i) {
    const double u = uniforms.uniform();
    EXPECT_NEAR(0.5 * std::erfc(-normals.normal() / std::sqrt(2.0)), u, 1e-13);
  }
}

TEST(RandomStreamTest, GammaHasItsMeanAndVariance) {
  for (const double shape : {0.25, 0.9, 1.0, 4.0, 50.0}) {
    RandomStream stream(kSeed, "gamma");
    const Moments m = moments_of([&] { return stream.gamma(shape, 2); });
    const double variance = 4 / shape;
    EXPECT_NEAR(m.mean, 2, 5 * standard_error(variance)) << "shape " << shape;
    EXPECT_NEAR(m.variance, variance, 0.05 * variance) << "shape " << shape;
  }
}

}  // namespace
}  // namespace gpreempt
