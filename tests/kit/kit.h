#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gpreempt::kit {

struct Ended {
  int exit_code = -1;  ///< -1: a signal
  std::string text;    ///< of stdout and stderr
};

/// Runs ci/hardware.sh as a person would, in an empty folder of the test's own, which is gone
/// afterwards.
class KitTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// With the tool that tests/kit/fake_tool.sh is. `variables`: as in a shell, "BACKEND=vkfd".
  [[nodiscard]] Ended with_fake(const std::string& arguments,
                                const std::string& variables = "BACKEND=vkfd") const;
  /// With the tool of this build.
  [[nodiscard]] Ended with_tool(const std::string& arguments, const std::string& variables) const;

  /// What the fake does before it answers: bash, in which $1 is the verb.
  void hook(std::string_view bash) const;
  /// How the fake was called, a line for each.
  [[nodiscard]] std::vector<std::string> calls() const;
  /// How many of them begin so.
  [[nodiscard]] std::size_t calls_of(std::string_view beginning) const;

  [[nodiscard]] std::filesystem::path folder() const { return folder_; }
  /// Where the kit writes.
  [[nodiscard]] std::filesystem::path day() const { return folder_ / "day"; }

 private:
  [[nodiscard]] Ended run(const std::string& tool, const std::string& arguments,
                          const std::string& variables) const;
  std::filesystem::path folder_;
};

[[nodiscard]] std::string text_of(const std::filesystem::path& file);
/// Writes an executable file.
void write_program(const std::filesystem::path& file, std::string_view text);

}  // namespace gpreempt::kit
