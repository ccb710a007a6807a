// Goal: overrides change a document before it is read, and are blamed where they were written.
#include "config/override.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "config/document.h"
#include "core/error.h"

namespace gpreempt {
namespace {

constexpr const char* kText = R"(schema = 1
[run]
duration = "10s"
[[offline]]
name = "train"
step = { repeat = [ { duration = "6us" }, { duration = "367us" } ] }
[[offline]]
name = "0"
)";

Override set(const std::string& path, const std::string& value) {
  return {.path = split_path(path), .value = TomlValue::from_text(value, "--set " + path)};
}

Result<TomlDocument> with(const std::vector<Override>& overrides) {
  return TomlDocument::parse(kText, "file.toml", overrides);
}

Result<TomlTable> offline(const TomlDocument& document, std::size_t index) {
  return document.root().tables("offline").map(
      [&](const std::vector<TomlTable>& tables) { return tables.at(index); });
}

TEST(Override, ATenantGoesByItsNameAndAnElementByItsIndex) {
  const auto document = with({set("offline.train.step.repeat.1.duration", "2ms")});
  ASSERT_TRUE(document) << document.error().what;
  const auto steps = offline(*document, 0)
                         .and_then([](const TomlTable& one) { return one.table("step"); })
                         .and_then([](const TomlTable& step) { return step.tables("repeat"); });
  ASSERT_TRUE(steps);
  EXPECT_EQ(steps->at(0).string("duration").value(), "6us");
  EXPECT_EQ(steps->at(1).string("duration").value(), "2ms");
}

TEST(Override, ANameIsPreferredToAnIndex) {
  const auto document = with({set("offline.0.queues", "3")});
  ASSERT_TRUE(document);
  EXPECT_FALSE(offline(*document, 0)->has("queues"));
  EXPECT_EQ(offline(*document, 1)->uint64("queues", 0, 9).value(), 3U);
}

TEST(Override, ABadValueIsBlamedWhereItWasWritten) {
  const auto document = with({set("run.duration", "fast")});
  ASSERT_TRUE(document);
  const auto run = document->root().table("run");
  const auto duration = run->duration("duration");
  ASSERT_FALSE(duration);
  EXPECT_TRUE(duration.error().what.starts_with("--set run.duration: key 'run.duration':"))
      << duration.error().what;
}

TEST(Override, AnUnknownKeyIsBlamedWhereItWasWrittenWithTheNearestName) {
  const auto document = with({set("run.durations", "1s")});
  ASSERT_TRUE(document);
  const auto run = document->root().table("run");
  ASSERT_TRUE(run->string("duration"));
  const auto finished = run->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().what,
            "--set run.durations: key 'run.durations': unknown; did you mean 'duration'?");
}

TEST(Override, AnElementThatIsNotThereIsRefused) {
  const auto by_name = with({set("offline.trian.queues", "3")});
  ASSERT_FALSE(by_name);
  EXPECT_EQ(by_name.error().what,
            "--set offline.trian.queues: set 'offline.trian.queues': 'offline' of file.toml: none "
            "is named 'trian'; did you mean 'train'?");
  const auto by_index = with({set("offline.train.step.repeat.2.duration", "1ms")});
  ASSERT_FALSE(by_index);
  EXPECT_NE(by_index.error().what.find("it has 2 elements, from 0 on"), std::string::npos);
}

TEST(Override, AScalarHasNothingBelowIt) {
  const auto document = with({set("run.duration.x", "1")});
  ASSERT_FALSE(document);
  EXPECT_NE(document.error().what.find("it is a string, so it has no 'x'"), std::string::npos);
}

TEST(Override, WithoutAValueTheKeyIsTakenOut) {
  const auto document = with({{.path = {"run", "duration"}, .value = std::nullopt}});
  ASSERT_TRUE(document);
  EXPECT_FALSE(document->root().table("run")->has("duration"));
}

TEST(TomlValue, WhatIsNoTomlIsAString) {
  EXPECT_EQ(TomlValue::from_text("2ms", "").text(), "'2ms'");
  EXPECT_EQ(TomlValue::from_text("7", "").text(), "7");
  EXPECT_EQ(TomlValue::from_text("true", "").text(), "true");
  EXPECT_EQ(TomlValue::from_text("[1, \"a\"]", "").text(), "[1, 'a']");
  EXPECT_EQ(TomlValue::from_text("1\nx = 2", "").label(), "1\nx = 2");  // not a second key
}

TEST(TomlValue, HasTheFewestDigitsThatReadBackTheSame) {
  EXPECT_EQ(TomlValue::from_text("0.1", "").text(), "0.1");  // not 0.10000000000000001
  EXPECT_EQ(TomlValue::from_text("5.0", "").text(), "5.0");  // not the integer
  EXPECT_EQ(TomlValue::from_text("1e300", "").text(), "1e+300");
  EXPECT_EQ(TomlValue::from_text("[0.3, -2.0]", "").text(), "[0.3, -2.0]");
}

TEST(TomlValue, ItsArgumentReadsBackAsItself) {
  for (const char* text : {"2ms", "7", "'7'", "true", "'true'", "0.5", "[ { count = 2 } ]", "''"}) {
    const TomlValue value = TomlValue::from_text(text, "");
    EXPECT_EQ(TomlValue::from_text(value.argument(), "").text(), value.text()) << text;
  }
}

}  // namespace
}  // namespace gpreempt
