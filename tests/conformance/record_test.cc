// Goal: records survive a file, and what differs between two is named.
#include "conformance/record.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace gpreempt::conformance {
namespace {

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

}  // namespace
}  // namespace gpreempt::conformance
