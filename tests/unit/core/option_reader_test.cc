// Goal: options are read strictly, and what is wrong with one is said.
// Method: specs as they are written on the command line.

#include "core/option_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/name_spec.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using testing::HasSubstr;

OptionReader reader(std::string_view text) {
  return {"thing", text, parse_name_spec("thing", text).value()};
}

template <class T>
std::string refusal(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  if (result) {
    return {};
  }
  EXPECT_EQ(result.error().code, Errc::kInvalidArgument);
  return result.error().what;
}

TEST(OptionReaderTest, ReadsEachKind) {
  OptionReader options = reader("x:time=5ms,share=25%,count=8");
  Duration time{};
  double share = 0;
  std::uint32_t count = 0;
  EXPECT_TRUE(options.duration("time", time));
  EXPECT_TRUE(options.percent("share", share));
  EXPECT_TRUE(options.count("count", count));
  EXPECT_TRUE(options.done());
  EXPECT_EQ(time, std::chrono::milliseconds(5));
  EXPECT_DOUBLE_EQ(share, 0.25);
  EXPECT_EQ(count, 8U);
}

TEST(OptionReaderTest, LeavesTheDefaultOfAnOptionThatWasNotGiven) {
  OptionReader options = reader("x");
  Duration time = std::chrono::seconds(3);
  EXPECT_TRUE(options.duration("time", time));
  EXPECT_TRUE(options.done());
  EXPECT_EQ(time, std::chrono::seconds(3));
}

TEST(OptionReaderTest, NamesChoiceAndOptionOfAValueThatDoesNotParse) {
  Duration time{};
  EXPECT_THAT(refusal(reader("x:time=5").duration("time", time)),
              HasSubstr("reading thing 'x:time=5': option time: '5' is not a duration"));
  double share = 0;
  EXPECT_THAT(refusal(reader("x:share=0.5").percent("share", share)), HasSubstr("option share"));
  std::uint32_t count = 0;
  for (const std::string_view text : {"x:n=", "x:n=-1", "x:n=1.5", "x:n=8k", "x:n=99999999999"}) {
    EXPECT_THAT(refusal(reader(text).count("n", count)), HasSubstr("not a whole number")) << text;
  }
}

TEST(OptionReaderTest, RefusesWhatNobodyAskedFor) {
  OptionReader options = reader("x:tmie=5ms");
  Duration time{};
  EXPECT_TRUE(options.duration("time", time));
  EXPECT_THAT(refusal(options.done()), HasSubstr("unknown option 'tmie'; did you mean 'time'?"));
  EXPECT_THAT(refusal(reader("x:a=1").done()), HasSubstr("this thing takes no options"));
  EXPECT_THAT(refusal(reader("x:5ms").done()), HasSubstr("'5ms' is not an option; write x:key="));
}

}  // namespace
}  // namespace gpreempt
