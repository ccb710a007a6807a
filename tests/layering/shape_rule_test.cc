// Goal: the rules about a file's shape, about paths and about unbuilt files bite at their limits.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "tests/layering/rules.h"
#include "tests/layering/source_text.h"

namespace gpreempt::tidy {
namespace {

std::string lines(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += "x\n";
  }
  return text;
}

TEST(ShapeRule, AllowsFourHundredAndFiftyLinesAndNoMore) {
  EXPECT_TRUE(check_shape({.path = "core/a.cc", .text = lines(450)}).empty());
  EXPECT_EQ(check_shape({.path = "core/a.cc", .text = lines(451)}).size(), 1U);
}

TEST(ShapeRule, CountsColumnsAndNotBytes) {
  const std::string wide(99, 'x');
  EXPECT_TRUE(check_shape({.path = "core/a.cc", .text = wide + "\u00b5\n"}).empty());
  const Findings findings = check_shape({.path = "core/a.cc", .text = "\n" + wide + "xx\n"});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].line, 2U);
}

TEST(ShapeRule, LetsALiteralBeAsLongAsItsFormatIs) {
  const std::string text =
      "auto s = R\"(" + std::string(120, 'x') + "\n" + std::string(120, 'y') + ")\";\n";
  EXPECT_TRUE(check_shape({.path = "tests/a.cc", .text = text}).empty());
}

TEST(ShapeRule, WantsPragmaOnceInHeadersOnly) {
  EXPECT_EQ(check_shape({.path = "core/a.h", .text = "int x;\n"}).size(), 1U);
  EXPECT_TRUE(check_shape({.path = "core/a.h", .text = "#pragma once\n"}).empty());
  EXPECT_TRUE(check_shape({.path = "core/a.cc", .text = "int x;\n"}).empty());
}

TEST(PathRule, FindsFoldersOfOneMachine) {
  for (const std::string path : {"/ho"
                                 "me/ann/x",
                                 "/ro"
                                 "ot/x",
                                 "/wo"
                                 "rk/main",
                                 "/Us"
                                 "ers/ann"}) {
    const Findings findings = check_paths({.path = "docs/a.md", .text = "\nsee `" + path + "`\n"});
    ASSERT_EQ(findings.size(), 1U) << path;
    EXPECT_EQ(findings[0].line, 2U);
  }
}

TEST(PathRule, LeavesSystemAndRelativePathsAlone) {
  const std::string text =
      "/sys/class/kfd /dev/kfd core/home/x $HOME/home/x https://x.org/home/y /tmp/x\n";
  EXPECT_TRUE(check_paths({.path = "docs/a.md", .text = text}).empty());
}

TEST(ListedRule, FindsAFileThatNothingBuilds) {
  const std::vector<SourceFile> tree = {
      {.path = "core/CMakeLists.txt", .text = "add_library(core\n  a.cc policies/b.cc)\n"},
      {.path = "cli/CMakeLists.txt", .text = "add_executable(cli d.cc ../shared/e.cc)\n"},
      {.path = "core/a.cc", .text = ""},
      {.path = "core/policies/b.cc", .text = ""},
      {.path = "shared/e.cc", .text = ""},
      {.path = "core/aa.cc", .text = ""},
      {.path = "core/d.cc", .text = ""}};
  const Findings findings = check_listed(tree);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].path, "core/aa.cc");
  EXPECT_EQ(findings[1].path, "core/d.cc");
}

TEST(ListedRule, AWordAboutAFolderDoesNotListIt) {
  const std::vector<SourceFile> tree = {
      {.path = "core/CMakeLists.txt", .text = "# all of policies/*.cc\nset(x policies/*.cc)\n"},
      {.path = "core/policies/b.cc", .text = ""}};
  EXPECT_EQ(check_listed(tree).size(), 1U);
}

TEST(ListedRule, AFolderIsNamedWithAllThatIsInIt) {
  const std::vector<SourceFile> tree = {
      {.path = "core/CMakeLists.txt", .text = "file(GLOB policies policies/*.cc)\n"},
      {.path = "core/policies/b.cc", .text = ""},
      {.path = "core/b.cc", .text = ""}};
  const Findings findings = check_listed(tree);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].path, "core/b.cc");
}

}  // namespace
}  // namespace gpreempt::tidy
