// Goal: what people read is right to the digit and lines up.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "cli/report_text.h"
#include "cli/table.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

TEST(HumanTime, HasThreeDigitsAndTheUnitThatFits) {
  EXPECT_EQ(human_time(Duration(0)), "0");
  EXPECT_EQ(human_time(Duration(850)), "850 ns");
  EXPECT_EQ(human_time(Duration(999)), "999 ns");
  EXPECT_EQ(human_time(Duration(1000)), "1.00 us");
  EXPECT_EQ(human_time(Duration(12'340)), "12.3 us");
  EXPECT_EQ(human_time(Duration(9'996)), "10.0 us");
  EXPECT_EQ(human_time(Duration(123'456'789)), "123 ms");
  EXPECT_EQ(human_time(Duration(999'600'000)), "1.00 s");
  EXPECT_EQ(human_time(std::chrono::hours(1)), "3600 s");
  EXPECT_EQ(human_time(Duration(-2'000'000)), "-2.00 ms");
}

TEST(HumanBytes, AreDecimal) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(12'300'000), "12.3 MB");
}

TEST(Table, LinesUpTheFirstColumnLeftAndOthersRight) {
  Table table({"policy", "p50"});
  table.add_row({"none", "1 ms"});
  table.add_row({"suspend", "10 ms"});
  EXPECT_EQ(table.render(2),
            "  policy     p50\n"
            "  none      1 ms\n"
            "  suspend  10 ms\n");
}

TEST(Table, CountsCharactersAndNotBytes) {
  Table table({"a", "b"});
  table.add_row({"\u00e9", "1"});
  table.add_row({"x", "2"});
  EXPECT_EQ(table.render(0), "a  b\n\u00e9  1\nx  2\n");
}

TEST(Table, LeavesOutAColumnWithoutContent) {
  Table table({"a", "b", "c"});
  table.add_row({"1", "", "3"});
  EXPECT_EQ(table.render(0), "a  c\n1  3\n");
}

}  // namespace
}  // namespace gpreempt::cli
