// Goal: tables of RFC 4180 are read as they were written, and what is none is refused with its
// line.
#include "cli/report/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

#include "core/error.h"

namespace gpreempt::report {
namespace {

using ::testing::HasSubstr;

TEST(CsvRows, QuotesHoldCommasLineBreaksAndQuotes) {
  Result<CsvRows> rows = CsvRows::open(
      "f.csv", "a,b,c\r\n\"x,y\",\"1\n2\",\"say \"\"hi\"\"\"\n,7,\n", {"c", "a", "b"});
  ASSERT_TRUE(rows) << rows.error().what;
  ASSERT_TRUE(rows->next().value());
  EXPECT_EQ(rows->text(0), "say \"hi\"");
  EXPECT_EQ(rows->text(1), "x,y");
  EXPECT_EQ(rows->text(2), "1\n2");
  ASSERT_TRUE(rows->next().value());
  EXPECT_EQ(rows->text(0), "");
  EXPECT_EQ(rows->integer(2).value(), 7);
  EXPECT_FALSE(rows->next().value());
}

// RFC 4180, section 2.4: spaces are considered part of a field.
TEST(CsvRows, BlanksBelongToTheirField) {
  Result<CsvRows> rows = CsvRows::open("f.csv", "a,b\n  x ,\t\n", {"a", "b"});
  ASSERT_TRUE(rows) << rows.error().what;
  ASSERT_TRUE(rows->next().value());
  EXPECT_EQ(rows->text(0), "  x ");
  EXPECT_EQ(rows->text(1), "\t");
}

TEST(CsvRows, TheLastLineNeedsNoEnd) {
  Result<CsvRows> rows = CsvRows::open("f.csv", "a,b\n1,2", {"b"});
  ASSERT_TRUE(rows);
  ASSERT_TRUE(rows->next().value());
  EXPECT_EQ(rows->integer(0).value(), 2);
  EXPECT_FALSE(rows->next().value());
}

Error error_of(std::string_view text) {
  Result<CsvRows> rows = CsvRows::open("f.csv", text, {"a"});
  if (!rows) {
    return rows.error();
  }
  while (true) {
    const Result<bool> more = rows->next();
    if (!more) {
      return more.error();
    }
    if (!*more) {
      ADD_FAILURE() << "it was accepted: " << text;
      return {};
    }
    if (const Result<std::int64_t> number = rows->integer(0); !number) {
      return number.error();
    }
  }
}

TEST(CsvRows, RefusalsNameTheLine) {
  EXPECT_THAT(error_of("").what, HasSubstr("f.csv:1: the file is empty"));
  EXPECT_THAT(error_of("b,c\n").what, HasSubstr("f.csv:1: there is no column a"));
  EXPECT_THAT(error_of("a,b\n1,2\n3\n").what, HasSubstr("f.csv:3: it has 1 fields"));
  EXPECT_THAT(error_of("a,b\n\"1\n\",2\n").what,
              HasSubstr("f.csv:2: column a: '1\n' is no integer"));
  EXPECT_THAT(error_of("a,b\n1,\"2\n").what, HasSubstr("f.csv:2: a quoted field has no end"));
  EXPECT_THAT(error_of("a,b\n1,\"2\n3").what, HasSubstr("f.csv:2: a quoted field has no end"));
  EXPECT_THAT(error_of("a,b\n1,\"2\n3\"\n4,\"5\"6\n").what, HasSubstr("f.csv:4: a quote stands"));
  EXPECT_THAT(error_of("a,b\n1,2\n4,5\"\n").what, HasSubstr("f.csv:3: a quote stands"));
  EXPECT_THAT(error_of("a,b\n1,2\n\n3,4\n").what, HasSubstr("f.csv:3: the line is empty"));
  EXPECT_EQ(error_of("a\nx\n").code, Errc::kParse);
}

}  // namespace
}  // namespace gpreempt::report
