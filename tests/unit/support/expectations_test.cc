// Goal: a known divergence is left out with its reason, and never for ever or by mistake.
// Method: small files of expectations, good and bad; a made-up present.
#include "tests/support/expectations.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace gpreempt::contract {
namespace {

using std::chrono::November;

const Present kPresent{.today = std::chrono::year(2026) / November / 27, .version = "0.1.0"};

std::string entry(std::string_view test, std::string_view expires) {
  return "schema = 1\n[[divergence]]\ntest = \"" + std::string(test) +
         "\"\nworld = \"vkfd\"\nreason = \"it is slower there\"\nexpires = \"" +
         std::string(expires) + "\"\n";
}

std::vector<Divergence> parsed(const std::string& text) {
  const auto result = parse_divergences(text, "list.toml");
  EXPECT_TRUE(result) << result.error().what;
  return result.value_or(std::vector<Divergence>());
}

std::string refusal(const std::string& text) {
  const auto result = parse_divergences(text, "list.toml");
  EXPECT_FALSE(result);
  return result ? std::string() : result.error().what;
}

bool leaves_out(std::string_view pattern, std::string_view test) {
  return find_divergence(parsed(entry(pattern, "2027-01-01")), "vkfd", test, kPresent) != nullptr;
}

TEST(ExpectationsTest, EmptyListLeavesNothingOut) { EXPECT_TRUE(parsed("schema = 1\n").empty()); }

TEST(ExpectationsTest, EntryLeavesOutItsTestInItsWorldOnly) {
  const auto list = parsed(entry("Backend/A.B/Mi308x", "2027-01-01"));
  ASSERT_EQ(list.size(), 1U);
  EXPECT_NE(find_divergence(list, "vkfd", "Backend/A.B/Mi308x", kPresent), nullptr);
  EXPECT_EQ(find_divergence(list, "sim", "Backend/A.B/Mi308x", kPresent), nullptr);
  EXPECT_EQ(find_divergence(list, "vkfd", "Backend/A.B/Mi308xTwoGpus", kPresent), nullptr);
  EXPECT_EQ(skip_reason(list.front()), "known divergence: it is slower there (until 2027-01-01)");
}

TEST(ExpectationsTest, TestThatNeedsTheWholeHiveIsLeftOutForEverUnlessItMayHaveIt) {
  const auto list = parsed(
      "schema = 1\n[[exclusive_hive]]\ntest = \"Backend/A.*\"\nworld = \"kfd\"\nreason = \"it "
      "may hang\"\n");
  Present later = kPresent;
  later.version = "9.0";
  EXPECT_NE(find_divergence(list, "kfd", "Backend/A.B/KfdGpu0", later), nullptr);
  EXPECT_EQ(skip_reason(list.at(0)), "needs --exclusive-hive: it may hang");
  EXPECT_TRUE(
      complaints(list, "kfd", std::vector<std::string>{"Backend/A.B/KfdGpu0"}, later).empty());
  later.exclusive_hive = true;
  EXPECT_EQ(find_divergence(list, "kfd", "Backend/A.B/KfdGpu0", later), nullptr);
}

TEST(ExpectationsTest, StarStandsForAnythingAndNothing) {
  EXPECT_TRUE(leaves_out("Backend/A.*", "Backend/A.B/Mi308x"));
  EXPECT_TRUE(leaves_out("*/A.B/*", "Backend/A.B/Mi308x"));
  EXPECT_TRUE(leaves_out("*", "Backend/A.B/Mi308x"));
  EXPECT_TRUE(leaves_out("Backend/A.B/Mi308x*", "Backend/A.B/Mi308x"));
  EXPECT_TRUE(leaves_out("*A*B*", "xABy"));
  EXPECT_FALSE(leaves_out("*A*B*", "xBAy"));
  EXPECT_FALSE(leaves_out("A.*", "Backend/A.B/Mi308x"));
  EXPECT_FALSE(leaves_out("*/A.B", "Backend/A.B/Mi308x"));
}

TEST(ExpectationsTest, EntryExpiresOnItsDay) {
  const auto expired = [](std::string_view day) {
    return has_expired(parsed(entry("A.B", day)).front(), kPresent);
  };
  EXPECT_FALSE(expired("2026-11-28"));
  EXPECT_TRUE(expired("2026-11-27"));
  EXPECT_TRUE(expired("2025-12-31"));
  EXPECT_FALSE(expired("2027-01-01"));
}

TEST(ExpectationsTest, EntryExpiresWithItsVersion) {
  const auto expired = [](std::string_view version, std::string_view present) {
    return has_expired(parsed(entry("A.B", version)).front(),
                       {.today = kPresent.today, .version = std::string(present)});
  };
  EXPECT_FALSE(expired("0.2", "0.1.0"));
  EXPECT_TRUE(expired("0.1", "0.1.0"));
  EXPECT_TRUE(expired("0.9", "0.10.0"));
  EXPECT_FALSE(expired("0.10.1", "0.10.0"));
  EXPECT_TRUE(expired("0.9.9", "1.0.0"));
}

TEST(ExpectationsTest, ExpiredEntryLeavesNothingOutAndIsComplainedOf) {
  const auto list = parsed(entry("A.B", "2026-01-01"));
  EXPECT_EQ(find_divergence(list, "vkfd", "A.B", kPresent), nullptr);
  const std::vector<std::string> tests{"A.B"};
  const auto all = complaints(list, "vkfd", tests, kPresent);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front(),
            "expectation vkfd/A.B: it has expired (2026-01-01); mend the divergence or give a new "
            "reason and end");
}

TEST(ExpectationsTest, EntryThatNamesNoTestIsComplainedOfInItsWorld) {
  const auto list = parsed(entry("A.*", "2027-01-01"));
  const std::vector<std::string> tests{"B.A", "C.D"};
  EXPECT_EQ(complaints(list, "vkfd", tests, kPresent),
            std::vector<std::string>{"expectation vkfd/A.*: there is no such test; remove it"});
  EXPECT_TRUE(complaints(list, "sim", tests, kPresent).empty());
  const std::vector<std::string> more{"A.B"};
  EXPECT_TRUE(complaints(list, "vkfd", more, kPresent).empty());
}

TEST(ExpectationsTest, EntryWithoutReasonOrEndIsRefusedWithItsPlace) {
  EXPECT_NE(refusal(entry("A.B", "soon")).find("list.toml:6:11: key 'divergence"),
            std::string::npos)
      << refusal(entry("A.B", "soon"));
  EXPECT_NE(refusal(entry("A.B", "soon")).find("write \"2027-03-31\" or \"0.2\""),
            std::string::npos);
  EXPECT_FALSE(refusal(entry("A.B", "2026-02-30")).empty());
  EXPECT_FALSE(refusal(entry("A.B", "1")).empty());
  EXPECT_FALSE(refusal(entry("", "0.2")).empty());
  EXPECT_FALSE(refusal("schema = 1\n[[divergence]]\ntest = \"A.B\"\nworld = \"vkfd\"\n").empty());
  EXPECT_FALSE(refusal("schema = 1\n[[divergences]]\ntest = \"A.B\"\n").empty());
  EXPECT_FALSE(refusal("[[divergence]]\n").empty());
}

TEST(ExpectationsTest, WorldThatDoesNotExistIsRefusedWithTheNearest) {
  std::string text = entry("A.B", "0.2");
  text.replace(text.find("vkfd"), 4, "vkdf");
  EXPECT_NE(refusal(text).find("vkfd"), std::string::npos) << refusal(text);
}

TEST(ExpectationsTest, ProjectsOwnListsAreReadable) {
  const auto list = load_divergences(GPREEMPT_SOURCE_DIR "/tests/expectations");
  EXPECT_TRUE(list) << list.error().what;
}

TEST(ExpectationsTest, FolderThatIsNotThereIsAnError) {
  const auto list = load_divergences(GPREEMPT_SOURCE_DIR "/tests/no-expectations");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, Errc::kIo);
}

}  // namespace
}  // namespace gpreempt::contract
