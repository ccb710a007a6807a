#include "config/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// The root of a document that must parse. It keeps the document alive.
TomlTable parse(std::string_view text) {
  const auto document = TomlDocument::parse(text, "test.toml");
  if (!document) {
    ADD_FAILURE() << document.error().what;
    return TomlDocument::parse("", "empty.toml")->root();
  }
  return document->root();
}

template <class T>
std::string what(const Result<T>& result) {
  return result ? "no error" : result.error().what;
}

TEST(TomlDocument, ReadsAFile) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / "gpreempt_document_test.toml";
  std::ofstream(file) << "schema = 1\n";
  const auto document = TomlDocument::load(file);
  ASSERT_TRUE(document) << what(document);
  EXPECT_TRUE(document->expect_schema(1));
  std::filesystem::remove(file);
}

TEST(TomlDocument, NamesAMissingFile) {
  const auto document = TomlDocument::load("/nonexistent/scenario.toml");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, Errc::kIo);
  EXPECT_THAT(document.error().what, HasSubstr("/nonexistent/scenario.toml"));
}

TEST(TomlDocument, RefusesAFolder) {
  const auto document = TomlDocument::load(testing::TempDir());
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, Errc::kIo);
}

TEST(TomlDocument, LocatesMalformedToml) {
  const auto document = TomlDocument::parse("a = 1\nb = [1,\nc = 2\n", "bad.toml");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, Errc::kParse);
  EXPECT_THAT(document.error().what, StartsWith("bad.toml:3:"));
}

TEST(TomlDocument, RefusesAnotherSchema) {
  const auto document = TomlDocument::parse("schema = 2\n", "new.toml");
  ASSERT_TRUE(document);
  const auto checked = document->expect_schema(1);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Errc::kParse);
  EXPECT_THAT(what(checked), StartsWith("new.toml:1:10: key 'schema'"));
  EXPECT_FALSE(TomlDocument::parse("", "empty.toml")->expect_schema(1));
}

TEST(TomlTable, ReadsEveryType) {
  const TomlTable table = parse(R"(
    s = "text"
    b = true
    i = 42
    big = 0xBA6000
    n = 1.5
    d = "50ms"
    r = "5.53/s"
    m = "64KiB"
    p = "20%"
    list = ["50ms", "10ms"]
    losses = ["20%", "5%"]
    words = ["a", "b"]
  )");
  EXPECT_EQ(table.string("s").value(), "text");
  EXPECT_TRUE(table.boolean("b", false).value());
  EXPECT_EQ(table.uint32("i", 0, 100).value(), 42U);
  EXPECT_EQ(table.uint64("big", 0, UINT64_MAX).value(), 12'214'272U);
  EXPECT_EQ(table.number("n").value(), 1.5);
  EXPECT_EQ(table.positive("i").value(), 42.0);
  EXPECT_EQ(table.duration("d").value(), std::chrono::milliseconds(50));
  EXPECT_EQ(table.positive_duration("d").value(), std::chrono::milliseconds(50));
  EXPECT_EQ(table.rate("r").value(), 5.53);
  EXPECT_EQ(table.bytes("m").value(), 65'536U);
  EXPECT_EQ(table.percent("p").value(), 0.2);
  EXPECT_THAT(table.durations("list").value(),
              ElementsAre(std::chrono::milliseconds(50), std::chrono::milliseconds(10)));
  EXPECT_THAT(table.percents("losses").value(), ElementsAre(0.2, 0.05));
  EXPECT_THAT(table.strings("words").value(), ElementsAre("a", "b"));
  EXPECT_TRUE(table.finish());
}

TEST(TomlTable, GivesTheDefaultOfAnAbsentKey) {
  const TomlTable table = parse("");
  EXPECT_EQ(table.string("s", "x").value(), "x");
  EXPECT_TRUE(table.boolean("b", true).value());
  EXPECT_EQ(table.uint32("i", 0, 9, 7).value(), 7U);
  EXPECT_EQ(table.number("n", {}, 2.5).value(), 2.5);
  EXPECT_EQ(table.positive("q", 3).value(), 3);
  EXPECT_EQ(table.duration("d", Duration(5)).value(), Duration(5));
  EXPECT_EQ(table.positive_duration("e", Duration(6)).value(), Duration(6));
  EXPECT_EQ(table.bytes("m", 8).value(), 8U);
  EXPECT_EQ(table.choice("c", {"on", "off"}, "off").value(), "off");
  EXPECT_TRUE(table.durations("list").value().empty());
  EXPECT_TRUE(table.tables("rows").value().empty());
  EXPECT_EQ(table.table_or_empty("sub").value().string("x", "deep").value(), "deep");
  EXPECT_FALSE(table.has("s"));
}

TEST(TomlTable, LocatesAWrongTypeAtFileLineAndColumn) {
  const TomlTable table = parse("[run]\nduration = 60\n").table("run").value();
  const auto read = table.duration("duration");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kParse);
  EXPECT_THAT(what(read), StartsWith("test.toml:2:12: key 'run.duration': an integer found"));
}

TEST(TomlTable, RefusesEveryWrongType) {
  const TomlTable table = parse("s = \"x\"\ni = 1\nn = inf\nd = 2026-01-01\na = [1]\n");
  EXPECT_FALSE(table.string("i"));
  EXPECT_FALSE(table.boolean("i", false));
  EXPECT_FALSE(table.uint64("s", 0, 9));
  EXPECT_FALSE(table.number("s"));
  EXPECT_FALSE(table.number("n"));
  EXPECT_FALSE(table.bytes("i"));
  EXPECT_FALSE(table.rate("s"));
  EXPECT_FALSE(table.percent("i"));
  EXPECT_FALSE(table.table("i"));
  EXPECT_FALSE(table.tables("i"));
  EXPECT_FALSE(table.tables("a"));
  EXPECT_FALSE(table.strings("i"));
  EXPECT_FALSE(table.strings("a"));
  EXPECT_FALSE(table.durations("a"));
  EXPECT_FALSE(table.string("d"));
  EXPECT_EQ(table.kind("d"), TomlKind::kOther);
}

TEST(TomlTable, ChecksRanges) {
  const TomlTable table = parse("i = 16\nneg = -1\nn = 1.5\nz = 0\nd = \"0s\"\nr = \"0/s\"\n");
  EXPECT_THAT(what(table.uint32("i", 0, 15)), HasSubstr("within 0..15"));
  EXPECT_THAT(what(table.uint32("neg", 0, 15)), HasSubstr("negative"));
  EXPECT_THAT(what(table.number("n", {.min = 2.0, .max = {}})), HasSubstr("the least is 2"));
  EXPECT_THAT(what(table.number("n", {.min = {}, .max = 1.0})), HasSubstr("the most is 1"));
  EXPECT_THAT(what(table.positive("z")), HasSubstr("greater than 0"));
  EXPECT_THAT(what(table.positive_duration("d")), HasSubstr("must be longer"));
  EXPECT_THAT(what(table.rate("r")), HasSubstr("greater than 0"));
}

TEST(TomlTable, SaysWhichKeyIsMissing) {
  const TomlTable table = parse("[run]\nseed = 1\n").table("run").value();
  EXPECT_THAT(what(table.duration("duration")), StartsWith("test.toml:1:1: "));
  EXPECT_THAT(what(table.duration("duration")), HasSubstr("key 'run.duration': missing"));
}

TEST(TomlTable, BlamesAMisspeltKeyForTheMissingOne) {
  const TomlTable table = parse("[run]\ndurration = \"1s\"\n").table("run").value();
  EXPECT_EQ(what(table.duration("duration")),
            "test.toml:2:1: key 'run.durration': unknown; did you mean 'duration'?");
}

TEST(TomlTable, FinishRefusesUnknownKeysWithASuggestion) {
  const TomlTable table = parse("name = \"x\"\nwarmpu = \"1s\"\n");
  ASSERT_TRUE(table.string("name"));
  ASSERT_TRUE(table.duration("warmup", Duration(0)));
  const auto finished = table.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Errc::kParse);
  EXPECT_EQ(what(finished), "test.toml:2:1: key 'warmpu': unknown; did you mean 'warmup'?");
}

TEST(TomlTable, FinishLooksIntoTablesAndArrays) {
  const TomlTable root = parse("[a]\nb = { c = 1 }\n[[rows]]\nx = 1\n[[rows]]\ny = 2\n");
  ASSERT_TRUE(root.table("a").value().table("b").value().number("c"));
  const auto rows = root.tables("rows").value();
  ASSERT_EQ(rows.size(), 2U);
  ASSERT_TRUE(rows.at(0).number("x"));
  ASSERT_FALSE(rows.at(1).has("x"));
  EXPECT_THAT(what(root.finish()), StartsWith("test.toml:6:1: key 'rows.1.y': unknown"));
}

TEST(TomlTable, KeysCountAsAsked) {
  const TomlTable table = parse("b = 1\na = 2\n");
  EXPECT_THAT(table.keys(), ElementsAre("a", "b"));
  EXPECT_TRUE(table.finish());
}

TEST(TomlTable, ChoiceNamesTheNearestValidValue) {
  const TomlTable table = parse("kind = \"poison\"\n");
  EXPECT_EQ(what(table.choice("kind", {"periodic", "poisson"})),
            "test.toml:1:8: key 'kind': unknown value 'poison'; did you mean 'poisson'?");
}

TEST(TomlTable, OutlivesItsDocument) {
  TomlTable table = parse("[a]\nx = 3\n").table("a").value();
  EXPECT_EQ(table.number("x").value(), 3);
  table = table.table_or_empty("absent").value();
  EXPECT_EQ(table.path(), "a.absent");
  EXPECT_EQ(table.document(), "test.toml");
}

}  // namespace
}  // namespace gpreempt
