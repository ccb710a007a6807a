// Goal: the scripts in ci/ judge every folder and count every test.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace gpreempt::tidy {
namespace {

/// What a command of bash prints; "" if it can not be started.
std::string output_of(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c): a constant command
  if (pipe == nullptr) {
    return {};
  }
  std::string text;
  std::array<char, 256> part{};
  while (std::fgets(part.data(), static_cast<int>(part.size()), pipe) != nullptr) {
    text += part.data();
  }
  pclose(pipe);
  return text;
}

class CiScript : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gpreempt-ci-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    top_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(top_); }

  void write(const std::string& path) const {
    std::filesystem::create_directories((top_ / path).parent_path());
    std::ofstream(top_ / path) << "\n";
  }
  [[nodiscard]] std::string sources() const {
    return output_of("bash -c 'cd " + top_.string() +
                     " && source " GPREEMPT_SOURCE_DIR "/ci/lib.sh && sources'");
  }

 private:
  std::filesystem::path top_;
};

TEST_F(CiScript, JudgesAFolderThatIsNew) {
  write("core/a.h");
  write("novelty/deep/b.cc");
  EXPECT_EQ(sources(), "core/a.h\nnovelty/deep/b.cc\n");
}

TEST_F(CiScript, LeavesOutWhatIsBuiltOrHidden) {
  write("build/release/generated.cc");
  write(".git/c.cc");
  write("builder/d.cc");
  write("core/notes.md");
  EXPECT_EQ(sources(), "builder/d.cc\n");
}

// In verbose.log, by hand: A.Passes, B.Passes/0, C.Leaks and `plain` passed; B.Skips and kfd/X did
// not run; A.Crashes, the one of three that it kept from running, B.Fails/1 and the process of
// C.Leaks failed.
TEST(CiTally, CountsTestsAndNotProcesses) {
  const std::string text =
      output_of(GPREEMPT_SOURCE_DIR "/ci/tally " GPREEMPT_SOURCE_DIR "/tests/layering/verbose.log");
  EXPECT_NE(text.find("\n60% tests passed, 4 tests failed out of 10\n"), std::string::npos) << text;
  EXPECT_NE(text.find("unit/a/0: A.Crashes (ended its process)"), std::string::npos) << text;
  EXPECT_NE(text.find(" - B.Skips (Skipped)"), std::string::npos) << text;
}

}  // namespace
}  // namespace gpreempt::tidy
