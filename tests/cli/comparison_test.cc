// Goal: two results are put side by side policy by policy, and what else differs is said.
#include "cli/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/error.h"

namespace gpreempt::cli {
namespace {

/// A summary with one result per policy and the same p99 in each.
std::string summary(const std::string& policies, int p99, int seed = 1) {
  std::string results;
  for (const char policy : policies) {
    results += results.empty() ? "" : ",";
    results += R"({"policy":")" + std::string(1, policy) +
               R"(","mechanism":"suspend-queues","online":{"latency_ns":{"p99":)" +
               std::to_string(p99) + R"(}},"offline":{"loss":0.1},"bystander_ns":0})";
  }
  return R"({"schema":1,"scenario":"s","seed":)" + std::to_string(seed) + R"(,"results":[)" +
         results + "]}";
}

const ComparedRow& row(const ComparedPolicy& policy, const char* metric) {
  const auto found = std::ranges::find(policy.rows, metric, &ComparedRow::metric);
  EXPECT_NE(found, policy.rows.end()) << metric;
  return *found;
}

bool has_note(const Comparison& comparison, const std::string& part) {
  return std::ranges::any_of(comparison.notes, [&](const std::string& note) {
    return note.find(part) != std::string::npos;
  });
}

TEST(Comparison, GivesBothValuesAndTheirRatio) {
  const Result<Comparison> result = compare({"A", summary("n", 2000)}, {"B", summary("n", 3000)});
  ASSERT_TRUE(result.has_value()) << result.error().what;
  const ComparedRow& p99 = row(result->policies.at(0), "online p99");
  EXPECT_EQ(p99.left, 2000);
  EXPECT_EQ(p99.right, 3000);
  EXPECT_EQ(p99.ratio(), 1.5);
  EXPECT_EQ(row(result->policies.at(0), "offline loss").ratio(), 1.0);
  EXPECT_TRUE(result->notes.empty());
}

TEST(Comparison, OfZeroHasNoRatio) {
  const Result<Comparison> result = compare({"A", summary("n", 1)}, {"B", summary("n", 1)});
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(row(result->policies.at(0), "bystander").ratio().has_value());
}

TEST(Comparison, MatchesPoliciesByNameInTheOrderOfTheLeftSide) {
  const Result<Comparison> result = compare({"A", summary("nsx", 1)}, {"B", summary("sny", 1)});
  ASSERT_TRUE(result.has_value());
  ASSERT_EQ(result->policies.size(), 2U);
  EXPECT_EQ(result->policies[0].left, "n");
  EXPECT_EQ(result->policies[1].right, "s");
  EXPECT_TRUE(has_note(*result, "policy x is in A only"));
  EXPECT_TRUE(has_note(*result, "policy y is in B only"));
}

TEST(Comparison, OfOnePolicyEachIsOfThese) {
  const Result<Comparison> result = compare({"A", summary("n", 1)}, {"B", summary("s", 1)});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->policies.at(0).left, "n");
  EXPECT_EQ(result->policies.at(0).right, "s");
}

TEST(Comparison, NotesOtherSeeds) {
  const Result<Comparison> result = compare({"A", summary("n", 1, 1)}, {"B", summary("n", 1, 2)});
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(has_note(*result, "seed differs: 1 and 2"));
}

TEST(Comparison, RefusesWhatIsNoSummaryNamingTheSide) {
  for (const char* text : {"", "[]", "{}", R"({"schema":2,"results":[{"policy":"n"}]})",
                           R"({"schema":1,"results":[]})", R"({"schema":1,"results":[{}]})"}) {
    const Result<Comparison> result = compare({"A", summary("n", 1)}, {"the-side", text});
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().code, Errc::kParse);
    EXPECT_NE(result.error().what.find("the-side"), std::string::npos) << result.error().what;
  }
}

TEST(Comparison, WithoutACommonPolicyIsRefused) {
  const Result<Comparison> result = compare({"A", summary("nm", 1)}, {"B", summary("st", 1)});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kInvalidArgument);
}

}  // namespace
}  // namespace gpreempt::cli
