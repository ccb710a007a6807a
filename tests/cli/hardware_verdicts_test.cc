// Goal: a check's verdict says what it was held against and how its sample is spread.
// Method: samples and limits made by hand.
#include "cli/hardware_verdicts.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_gates.h"
#include "cli/hardware_report.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

TEST(HardwareVerdicts, ASampleIsCountedInBinsOfAFactorOfTwo) {
  std::vector<std::pair<std::string, double>> numbers;
  // 2^20 = 1048576.
  add_sample(numbers, "off_", {1048575, 1048576, 2097151, 2097152});
  ASSERT_EQ(numbers.size(), 9U);  // four quantiles and two moments before
  EXPECT_EQ(numbers.at(6), std::pair(std::string("off_count_log2_19"), 1.0));
  EXPECT_EQ(numbers.at(7), std::pair(std::string("off_count_log2_20"), 2.0));
  EXPECT_EQ(numbers.at(8), std::pair(std::string("off_count_log2_21"), 1.0));
}

TEST(HardwareVerdicts, AGoalIsToldWhetherTheLimitIsMetOrNot) {
  Gates gates;
  ASSERT_TRUE(gates.set("online=50ms"));
  ASSERT_TRUE(gates.set("online-goal=10ms"));
  const auto told = [&](double ns) {
    const experiments::Verdict verdict = at_most("p99", ns, gates.get("online"), "of 10");
    return std::string(to_string(verdict.answer)) + experiments::goals_text(verdict);
  };
  EXPECT_EQ(told(10e6), "met; goal 10 ms: met");
  EXPECT_EQ(told(10.1e6), "met; goal 10 ms: not met");
  EXPECT_EQ(told(60e6), "missed; goal 10 ms: not met");
  ASSERT_TRUE(gates.set("online-goal=20ms"));
  EXPECT_EQ(told(10.1e6), "met; goal 20 ms: met");
}

TEST(HardwareVerdicts, EachGoalOfALimitIsInTheTextOfWhatIsMet) {
  const Gates gates;
  const experiments::Verdict loss = at_most("T-5/offline-loss", 0.07, gates.get("loss"), "of work");
  EXPECT_NE(hardware_text({loss}, gates)
                .find("offline-loss                       7 %, limit at most 20 %; goal 10 %: met; "
                      "stretch 5 %: not met\n"),
            std::string::npos);
  ASSERT_EQ(loss.numbers.size(), 4U);
  EXPECT_EQ(loss.numbers.at(2), std::pair(std::string("goal"), 0.1));
  EXPECT_EQ(loss.numbers.at(3), std::pair(std::string("stretch"), 0.05));
}

TEST(HardwareVerdicts, ALimitWithoutAGoalTellsOfNone) {
  const Gates gates;
  EXPECT_EQ(experiments::goals_text(at_most("a", 1, gates.get("video"), "")), "");
  EXPECT_EQ(experiments::goals_text(at_least("a", 1, gates.get("success"), "")), "");
}

TEST(HardwareVerdicts, TimesThatAreNoneAreInTheFirstBin) {
  std::vector<std::pair<std::string, double>> numbers;
  add_sample(numbers, "", {0, 1});
  EXPECT_EQ(numbers.back(), std::pair(std::string("count_log2_0"), 2.0));
}

}  // namespace
}  // namespace gpreempt::cli
