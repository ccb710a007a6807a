// Goal: records survive a file, what differs between two is named, and the model answers what the
// kernels' records hold, sequences too.
#include "conformance/record.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "conformance/sequences.h"
#include "tests/conformance/rig.h"

namespace gpreempt::conformance {
namespace {

/// Every pair, and 300 triples of seed 1.
constexpr std::size_t kRecordedSequences = 5592;

std::filesystem::path written(std::string_view text) {
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / (std::string(test->name()) + ".record");
  std::ofstream(file) << text;
  return file;
}

TEST(Records, AreReadBackFromAMachinesConsole) {
  const Record record{{"self: disables", "0"}, {"sequence open: a ENABLE; a ENABLE", "0 x=1; 0"}};
  const auto file =
      written("booting\r\n" + record_text(record, "Linux 6.12") + "powering off = now\n");
  EXPECT_EQ(read_record(file).value(), record);
}

TEST(Records, BrokenOnesAreRefusedAtTheirLine) {
  const auto broken = read_record(written("# conformance record of x\nnonsense\n"));
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().what.find(":2: 'nonsense'"), std::string::npos) << broken.error().what;
  EXPECT_NE(read_record(written("a = b\n")).error().what.find("no whole record"),
            std::string::npos);
}

TEST(Records, DifferAndLackByName) {
  const Record ours{{"a", "0"}, {"b", "EPERM"}, {"c", "1"}};
  const Record theirs{{"a", "0"}, {"b", "EINVAL"}, {"d", "2"}};
  const auto differences = compare(ours, theirs);
  ASSERT_EQ(differences.size(), 2U);
  EXPECT_EQ(differences[0].name, "b");
  EXPECT_EQ(differences[0].theirs, "EINVAL");
  EXPECT_EQ(differences[1].name, "c");
  EXPECT_EQ(differences[1].theirs, "");
}

struct Kernel {
  std::string_view release;
  std::string_view personality;
};

class KernelRecordTest : public ::testing::TestWithParam<Kernel> {};

TEST_P(KernelRecordTest, ModelAnswersTheSame) {
  const bool is_short = std::getenv("GPREEMPT_SHORT") != nullptr;
  const Kernel kernel = GetParam();
  const Record recorded = read_record(fmt::format("{}/conformance/records/linux-{}.txt",
                                                  GPREEMPT_SOURCE_DIR, kernel.release))
                              .value();
  const Plan plan{.scenarios = scenarios(),
                  .sequences = some_sequences(is_short ? 300 : kRecordedSequences, 1),
                  .personality = std::string(kernel.personality)};
  const Result<void> ran = with_actors(kernel.personality, [&](Actors& actors) {
    const Result<Findings> findings = run_plan(actors, plan, [](const std::string&) {});
    ASSERT_TRUE(findings) << findings.error().what;
    for (const Difference& each : compare(findings->record, recorded)) {
      ADD_FAILURE() << each.name << " = " << each.ours << ", but Linux " << kernel.release
                    << " said " << each.theirs;
    }
  });
  EXPECT_TRUE(ran) << ran.error().what;
}

std::string kernel_name(const ::testing::TestParamInfo<Kernel>& info) {
  std::string name = fmt::format("Linux{}", info.param.release);
  std::erase(name, '.');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, KernelRecordTest,
    ::testing::Values(Kernel{.release = "6.12.95", .personality = "upstream-6.12.95"},
                      Kernel{.release = "6.12.107", .personality = "upstream-6.12.107"}),
    kernel_name);

}  // namespace
}  // namespace gpreempt::conformance
