// Goal: every name that reaches a log or a message is the documented one, and slips are corrected.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string_view>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/nearest.h"
#include "core/testbed.h"

namespace gpreempt {
namespace {

TEST(NameTest, NamesEveryReason) {
  EXPECT_EQ(to_string(Reason::kNoOnlineWork), "no-online-work");
  EXPECT_EQ(to_string(Reason::kOnlineBusy), "online-busy");
  EXPECT_EQ(to_string(Reason::kHold), "hold");
  EXPECT_EQ(to_string(Reason::kSliceEnded), "slice-ended");
  EXPECT_EQ(to_string(Reason::kGap), "gap");
  EXPECT_EQ(to_string(Reason::kPolicyNeverActs), "policy-never-acts");
  EXPECT_EQ(to_string(Reason::kLateQueue), "late-queue");
  EXPECT_EQ(to_string(Reason::kQuarantine), "quarantine");
  EXPECT_EQ(to_string(Reason::kShutdown), "shutdown");
}

TEST(NameTest, NamesEveryVerdictAndOutcome) {
  EXPECT_EQ(to_string(Verdict::kRun), "run");
  EXPECT_EQ(to_string(Verdict::kSuspend), "suspend");
  EXPECT_EQ(to_string(Outcome::kOk), "ok");
  EXPECT_EQ(to_string(Outcome::kInvalid), "invalid");
  EXPECT_EQ(to_string(Outcome::kError), "error");
}

TEST(NameTest, NamesEveryControlOnce) {
  constexpr std::array<std::string_view, kControlKinds> kExpected{
      "suspend",  "resume", "percentage", "priority",        "cu-mask",
      "throttle", "signal", "reset",      "selective-unmap", "kernel-boundary"};
  for (std::size_t i = 0; i < kControlKinds; ++i) {
    EXPECT_EQ(to_string(static_cast<ControlKind>(i)), kExpected.at(i));
  }
}

TEST(NameTest, NamesEveryPhaseApart) {
  for (std::size_t i = 0; i < kDriverPhases; ++i) {
    for (std::size_t j = i + 1; j < kDriverPhases; ++j) {
      EXPECT_NE(to_string(static_cast<DriverPhase>(i)), to_string(static_cast<DriverPhase>(j)));
    }
  }
}

TEST(NameTest, NamesEveryErrorCodeApart) {
  for (int i = 0; i <= static_cast<int>(Errc::kInternal); ++i) {
    EXPECT_NE(to_string(static_cast<Errc>(i)), "unknown");
  }
}

TEST(NearestTest, FindsTheNameWithTheFewestEdits) {
  constexpr std::array<std::string_view, 3> kNames{"none", "suspend", "linger"};
  EXPECT_EQ(nearest_name("suspnd", kNames), "suspend");
  EXPECT_EQ(nearest_name("nona", kNames), "none");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(NearestTest, SuggestsASlipAndListsOtherwise) {
  constexpr std::array<std::string_view, 2> kNames{"none", "suspend"};
  EXPECT_EQ(suggestion("suspnd", kNames), "; did you mean 'suspend'?");
  EXPECT_EQ(suggestion("earliest-deadline", kNames), "; valid: none, suspend");
  EXPECT_EQ(suggestion("x", {}), "");
}

TEST(CheckDeathTest, PrintsTheBrokenExpression) {
  EXPECT_DEATH(GPREEMPT_CHECK(1 + 1 == 3), "1 \\+ 1 == 3 does not hold");
}

}  // namespace
}  // namespace gpreempt
