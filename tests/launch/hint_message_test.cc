// Goal: a hint is what docs/run-anything.md says it is, and everything else is refused.
#include "backends/kfd/launch/hint_message.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>

#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::nanoseconds;

TEST(HintMessage, ArrivalHasItsNumberAndMayHaveItsTime) {
  const auto bare = read_hint(R"({"arrived":17})");
  ASSERT_TRUE(bare) << bare.error().what;
  EXPECT_EQ(std::get<HintArrived>(*bare).request, 17U);
  EXPECT_FALSE(std::get<HintArrived>(*bare).at);
  const auto timed = read_hint(R"({"at_ns":5000000000,"arrived":18})");
  ASSERT_TRUE(timed) << timed.error().what;
  EXPECT_EQ(std::get<HintArrived>(*timed).at, Instant(std::chrono::seconds(5)));
}

TEST(HintMessage, EndSaysWhatIsKnownOfTheRequest) {
  const auto read =
      read_hint(R"({"finished":3,"at_ns":90,"first_wave_ns":20,"first_token_ns":40,"tokens":7})");
  ASSERT_TRUE(read) << read.error().what;
  const auto& finished = std::get<HintFinished>(*read);
  EXPECT_EQ(finished.request, 3U);
  EXPECT_EQ(finished.at, Instant(nanoseconds(90)));
  EXPECT_EQ(finished.first_wave, Instant(nanoseconds(20)));
  EXPECT_EQ(finished.first_token, Instant(nanoseconds(40)));
  EXPECT_EQ(finished.tokens, 7U);
}

TEST(HintMessage, HelloMaySpeakForAnotherProcess) {
  const auto own = read_hint(R"({"hello":1})");
  const auto other = read_hint(R"({"hello":1,"pid":4711})");
  ASSERT_TRUE(own);
  ASSERT_TRUE(other);
  EXPECT_FALSE(std::get<HintHello>(*own).pid);
  EXPECT_EQ(std::get<HintHello>(*other).pid, Pid(4711));
}

TEST(HintMessage, KeysOfLaterVersionsAreNoError) {
  const auto read = read_hint(R"({"work_ns":5,"kernels":2,"mood":"good"})");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(std::get<HintWork>(*read).work, nanoseconds(5));
  EXPECT_EQ(std::get<HintWork>(*read).kernels, 2U);
}

TEST(HintMessage, SaysHowLongAProcessWasOffForOthers) {
  const auto read = read_hint(R"({"bystander_ns":1500000})");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(std::get<HintBystander>(*read).off, nanoseconds(1'500'000));
  EXPECT_EQ(hint_text(HintBystander{.off = nanoseconds(7)}), R"({"bystander_ns":7})");
}

class BadHint : public ::testing::TestWithParam<std::string> {};

TEST_P(BadHint, IsRefusedWithWhatIsWrong) {
  const auto read = read_hint(GetParam());
  ASSERT_FALSE(read) << GetParam();
  EXPECT_EQ(read.error().code, Errc::kParse);
  EXPECT_TRUE(read.error().what.starts_with("read a hint: ")) << read.error().what;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadHint,
    ::testing::Values("", "17", "[]", "{}", R"({"arrived")", R"({"arrived":-1})",
                      R"({"arrived":"17"})", R"({"arrived":1.5})", R"({"finished":true})",
                      R"({"arrived":18446744073709551616})", R"({"arrived":1,"at_ns":-5})",
                      R"({"arrived":1,"at_ns":9223372036854775808})", R"({"hello":2})",
                      R"({"hello":1,"pid":-4})", R"({"hello":1,"pid":2147483648})",
                      R"({"finished":1,"tokens":4294967296})", R"({"work_ns":"much"})",
                      R"({"bystander_ns":-1})"));

TEST(HintMessage, TextOfAMessageReadsAsTheSame) {
  const HintFinished finished{.request = 9,
                              .at = Instant(nanoseconds(4)),
                              .first_wave = Instant(nanoseconds(2)),
                              .first_token = {},
                              .tokens = 1};
  const auto read = read_hint(hint_text(finished));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(std::get<HintFinished>(*read).request, 9U);
  EXPECT_EQ(std::get<HintFinished>(*read).at, finished.at);
  EXPECT_EQ(std::get<HintFinished>(*read).first_wave, finished.first_wave);
  EXPECT_FALSE(std::get<HintFinished>(*read).first_token);
  EXPECT_TRUE(std::holds_alternative<HintReady>(read_hint(hint_text(HintReady{})).value()));
}

TEST(HintMessage, OrdersAreOneObjectEach) {
  EXPECT_EQ(start_text(Instant(nanoseconds(12))), R"({"start_ns":12})");
  EXPECT_EQ(refusal_text("no \"way\""), R"({"error":"no \"way\""})");
}

}  // namespace
}  // namespace gpreempt::kfd
