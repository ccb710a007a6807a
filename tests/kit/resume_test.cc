// Goal: an afternoon that is interrupted goes on where it was. Method: the kit with a tool that
// writes down how it was called, and that kills the kit, or changes, where a test says so.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/kit/kit.h"

namespace gpreempt::kit {
namespace {

using Resume = KitTest;

TEST_F(Resume, AfterKillMinusNineTheRestIsDoneAndNothingTwice) {
  hook(R"(if [[ "$*" == 'experiment beta'* && ! -e $FAKE/killed ]]; then
  touch "$FAKE/killed"
  kill -KILL "$kit"
  trap 'echo given back >>"$FAKE/calls"; exit 0' TERM
  while :; do read -r -t 1 <> <(:) || true; done
fi)");
  EXPECT_EQ(with_fake("").exit_code, 128 + 9);  // as a shell tells of SIGKILL
  EXPECT_TRUE(std::filesystem::exists(day() / "state" / "running"));
  const Ended second = with_fake("");
  EXPECT_EQ(second.exit_code, 0) << second.text;
  EXPECT_NE(second.text.find("left its step running"), std::string::npos) << second.text;
  EXPECT_EQ(calls_of("given back"), 1U);
  EXPECT_EQ(calls_of("experiment alpha"), 1U);
  EXPECT_EQ(calls_of("experiment beta"), 2U);
  EXPECT_EQ(calls_of("validate-hardware"), 1U);
  EXPECT_EQ(calls_of("run soak-remaps"), 4U);
  EXPECT_TRUE(std::filesystem::exists(day() / "evidence-vkfd-quick.tar.gz"));
}

TEST_F(Resume, FinishedStepsAreNotDoneAgainAndFromDoesThoseAfterIt) {
  ASSERT_EQ(with_fake("").exit_code, 0);
  const std::size_t before = calls().size();
  const Ended again = with_fake("");
  EXPECT_EQ(again.exit_code, 0) << again.text;
  EXPECT_NE(again.text.find("validate-hardware: done before"), std::string::npos) << again.text;
  EXPECT_EQ(calls().size(), before);
  EXPECT_EQ(with_fake("--from experiment-beta").exit_code, 0);
  EXPECT_EQ(calls_of("experiment alpha"), 1U);
  EXPECT_EQ(calls_of("experiment beta"), 2U);
  EXPECT_EQ(calls_of("run soak-remaps"), 8U);
  EXPECT_EQ(calls_of("report"), 4U);  // a page and a text each time
}

TEST_F(Resume, OnlyThatStepIsDone) {
  EXPECT_EQ(with_fake("--only experiment-alpha").exit_code, 0);
  EXPECT_EQ(calls_of(""), 1U);
  EXPECT_EQ(calls_of("experiment alpha"), 1U);
}

// What the steps before left stands only as long as they would do the same.
TEST_F(Resume, AnotherToolOrAnotherLengthMakesTheStepsDue) {
  ASSERT_EQ(with_fake("--soak-seconds 2").exit_code, 0);
  const Ended longer = with_fake("--soak-seconds 3 --list");
  EXPECT_EQ(longer.text.find("s  done "), std::string::npos) << longer.text;
  EXPECT_NE(with_fake("--soak-seconds 2 --list").text.find("s  done "), std::string::npos);
  std::ofstream(folder() / "gpreempt", std::ios::app) << "# another build\n";
  const Ended rebuilt = with_fake("--soak-seconds 2 --list");
  EXPECT_EQ(rebuilt.text.find("s  done "), std::string::npos) << rebuilt.text;
}

TEST_F(Resume, TwoInOneFolderAreRefused) {
  hook(
      "if [[ $1 == doctor && ! -e $FAKE/inner ]]; then touch \"$FAKE/inner\"; bash "
      "'" GPREEMPT_SOURCE_DIR
      "/ci/hardware.sh' --out \"$FAKE/day\" >\"$FAKE/inner\" 2>&1 || echo \"exit code $?\" "
      ">>\"$FAKE/inner\"; fi");
  EXPECT_EQ(with_fake("--only doctor").exit_code, 0);
  const std::string inner = text_of(folder() / "inner");
  EXPECT_NE(inner.find("another ci/hardware.sh works in"), std::string::npos) << inner;
  EXPECT_NE(inner.find("exit code 3"), std::string::npos) << inner;
}

}  // namespace
}  // namespace gpreempt::kit
