// Goal: this tree keeps its own rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/layering/rules.h"
#include "tests/layering/source_text.h"

namespace gpreempt::tidy {
namespace {

class SourceTree : public testing::Test {
 protected:
  static const std::vector<SourceFile>& files() {
    static const std::vector<SourceFile> tree = read_tree(GPREEMPT_SOURCE_DIR);
    return tree;
  }

  static void expect_none(const Findings& findings) {
    for (const Finding& finding : findings) {
      ADD_FAILURE() << finding.path << ":" << finding.line << ": " << finding.message;
    }
  }

  template <class Check>
  static void expect_none_in_cpp(Check check) {
    for (const SourceFile& file : files()) {
      if (file.is_cpp()) {
        expect_none(check(file));
      }
    }
  }
};

TEST_F(SourceTree, IsTheWholeTree) {
  const auto has = [](const std::string& path) {
    return std::ranges::any_of(files(), [&](const SourceFile& file) { return file.path == path; });
  };
  EXPECT_TRUE(has("core/backend.h"));
  EXPECT_TRUE(has("CMakeLists.txt"));
  EXPECT_TRUE(has("tests/layering/source_tree_test.cc"));
  EXPECT_TRUE(has("README.md"));
}

TEST_F(SourceTree, KeepsTheDependencyRule) { expect_none_in_cpp(check_includes); }

TEST_F(SourceTree, HasModelsThatReachNoEngine) { expect_none(check_models(files())); }

TEST_F(SourceTree, HasNoBannedWord) { expect_none_in_cpp(check_words); }

TEST_F(SourceTree, HasFilesOfReadableShape) { expect_none_in_cpp(check_shape); }

TEST_F(SourceTree, NamesNoFolderOfOneMachine) {
  for (const SourceFile& file : files()) {
    expect_none(check_paths(file));
  }
}

TEST_F(SourceTree, BuildsEverySource) { expect_none(check_listed(files())); }

TEST_F(SourceTree, HasEverySeededDefectThatIsListed) { expect_none(check_mutants(files())); }

}  // namespace
}  // namespace gpreempt::tidy
