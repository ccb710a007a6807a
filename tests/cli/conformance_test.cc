// Goal: the promises of `conformance`: what it prints, records and compares, and its exit codes.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using nlohmann::json;
using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;
using testing::read_file;
using testing::write_file;

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Conformance, EveryCaseIsSameAndIsShownWithItsExpectation) {
  const Finished all = gpreempt("conformance --quiet");
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_TRUE(has(all.out, "b disables"));
  EXPECT_TRUE(has(all.out, "cases, 0 different; 0 sequences"));
  EXPECT_FALSE(has(all.out, "  different\n"));
}

TEST(Conformance, JsonIsAListOfNamedResults) {
  const Finished finished = gpreempt(
      "conformance --quiet --format json --only two-debuggers "
      "--backend vkfd:personality=upstream-6.12.95");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  const json out = json::parse(finished.out, nullptr, false);
  EXPECT_EQ(out["schema"], 1);
  EXPECT_EQ(out["personality"], "upstream-6.12.95");
  ASSERT_EQ(out["results"].size(), 13U);
  EXPECT_EQ(out["results"][9]["name"], "two-debuggers: b disables");
  EXPECT_EQ(out["results"][9]["value"], "0");
  EXPECT_EQ(out["results"][9]["verdict"], "same");
}

TEST(Conformance, RecordsCompareAndDriversDiffer) {
  const std::filesystem::path file = fresh_folder() / "answers.txt";
  const std::string sequences = "conformance --quiet --sequences 50 --seed 4 ";
  EXPECT_EQ(gpreempt(sequences + "--record " + file.string()).exit_code, 0);
  EXPECT_TRUE(has(read_file(file), "sequence "));
  const Finished same = gpreempt(sequences + "--compare " + file.string());
  EXPECT_EQ(same.exit_code, 0);
  EXPECT_TRUE(has(same.out, "; 0 answers differ from "));
  const Finished other = gpreempt(sequences + "--backend vkfd:personality=upstream-6.12.95 " +
                                  "--compare " + file.string());
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_TRUE(has(other.out, "two-debuggers: b disables"));
}

TEST(Conformance, AWrongExpectationIsADifference) {
  const std::filesystem::path folder = fresh_folder();
  write_file(folder / "one.toml", R"(schema = 1
scenario = "one"
summary = "One case."
[evidence]
"dkms-6.12.12" = "source"
"upstream-6.12.95" = "ran"
"upstream-6.12.107" = "ran"
"upstream-7.3" = "ran-patched"
[[case]]
name = "opens the device"
by = "a"
op = "OPEN"
expect = { result = "EPERM" }
)");
  const Finished finished = gpreempt("conformance --quiet --cases " + folder.string());
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(has(finished.out, "1 cases, 1 different"));
}

TEST(Conformance, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(gpreempt("conformance --backend sim").exit_code, 2);
  EXPECT_EQ(gpreempt("conformance --backend vkfd:personality=upstream-6").exit_code, 2);
  const Finished scenario = gpreempt("conformance --only two-debugers");
  EXPECT_EQ(scenario.exit_code, 2);
  EXPECT_TRUE(has(scenario.err, "two-debuggers"));
  const std::filesystem::path folder = fresh_folder();
  write_file(folder / "bad.toml", "schema = 1\nscenario = 3\n");
  const Finished bad = gpreempt("conformance --cases " + folder.string());
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_TRUE(has(bad.err, "bad.toml:2"));
}

TEST(Conformance, WithoutADeviceTheEnvironmentIsToBlame) {
  if (std::filesystem::exists("/dev/kfd")) {
    GTEST_SKIP() << "this machine has /dev/kfd; ci/realkernel.sh runs the cases on a real one";
  }
  EXPECT_EQ(gpreempt("conformance --backend kfd").exit_code, 3);
}

}  // namespace
}  // namespace gpreempt::cli
