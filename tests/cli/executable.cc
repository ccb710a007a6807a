#include "tests/cli/executable.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>  // NOLINT(misc-include-cleaner): the same
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace gpreempt::cli::testing {
namespace {

/// Everything that this process writes; gone with it. Another one may run the same tests.
class ScratchRoot {
 public:
  ScratchRoot()
      : path_(std::filesystem::path(::testing::TempDir()) /
              fmt::format("gpreempt-{}", ::getpid())) {}
  ScratchRoot(const ScratchRoot&) = delete;
  ScratchRoot& operator=(const ScratchRoot&) = delete;
  ~ScratchRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::filesystem::path folder_of_test() {
  static const ScratchRoot root;
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  return root.path() / fmt::format("{}-{}", test->test_suite_name(), test->name());
}

/// AddressSanitizer warns once that it cannot follow SimGrid's stack switches; that is no word of
/// the command's.
std::string without_sanitizer_notes(const std::string& text) {
  static const std::regex note(
      "==[0-9]+==WARNING: ASan is ignoring requested __asan_handle_no_return[^\n]*\n"
      "False positive error reports may follow\n"
      "For details see [^\n]*\n");
  return std::regex_replace(text, note, "");
}

}  // namespace

Finished gpreempt(const std::string& arguments, const std::string& input) {
  const std::filesystem::path folder = folder_of_test().string() + ".output";
  std::filesystem::create_directories(folder);
  const std::string out = folder / "out";
  const std::string err = folder / "err";
  const int status = std::system(
      fmt::format("'{}' {} >'{}' 2>'{}' <'{}'", GPREEMPT_EXECUTABLE, arguments, out, err, input)
          .c_str());
  // NOLINTNEXTLINE(misc-include-cleaner): glibc defines the macros in a header of its own
  const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  Finished finished{.exit_code = exit_code,
                    .out = read_file(out),
                    .err = without_sanitizer_notes(read_file(err))};
  std::filesystem::remove_all(folder);
  return finished;
}

std::filesystem::path fresh_folder() {
  const std::filesystem::path folder = folder_of_test();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::string write_file(const std::filesystem::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary) << text;
  return file.string();
}

std::string read_file(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

std::string without_wall_time(const std::string& text) {
  static const std::regex wall(R"("wall_s": ?[^,}]*)");
  return std::regex_replace(text, wall, "");
}

std::string small_scenario(const std::string& rate) {
  return fmt::format(R"(schema = 1
name = "small"
[run]
duration = "2s"
drain = "1s"
[slo]
online_latency = ["50ms", "10ms"]
offline_loss = ["20%"]
[scheduler]
detection = "hint"
[[online]]
name = "serve"
priority = 15
arrivals = {{ kind = "periodic", rate = "{}" }}
request = {{ kind = "service", distribution = "constant", mean = "10ms" }}
[[offline]]
name = "train"
priority = 2
step = {{ kind = "kernels", repeat = [ {{ count = 100, duration = "400us", workgroups = 1280, waves = 4, vgprs = 128 }} ] }}
)",
                     rate);
}

}  // namespace gpreempt::cli::testing
