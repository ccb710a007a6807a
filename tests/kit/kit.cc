#include "tests/kit/kit.h"

#include <fmt/format.h>
#include <sys/wait.h>  // NOLINT(misc-include-cleaner): WIFEXITED

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace gpreempt::kit {

std::string text_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

void write_program(const std::filesystem::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary) << text;
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
}

void KitTest::SetUp() {
  std::string name = (std::filesystem::temp_directory_path() / "gpreempt-kit-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  folder_ = name;
}

void KitTest::TearDown() { std::filesystem::remove_all(folder_); }

Ended KitTest::run(const std::string& tool, const std::string& arguments,
                   const std::string& variables) const {
  const std::string out = (folder_ / "said").string();
  const int status = std::system(
      fmt::format("FAKE='{}' GPREEMPT='{}' {} bash '{}/ci/hardware.sh' --out '{}' {} >'{}' "
                  "2>&1 </dev/null",
                  folder_.string(), tool, variables, GPREEMPT_SOURCE_DIR, day().string(), arguments,
                  out)
          .c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .text = text_of(out)};
}

Ended KitTest::with_fake(const std::string& arguments, const std::string& variables) const {
  // A copy, so that a test can change it.
  const std::filesystem::path tool = folder_ / "gpreempt";
  if (!std::filesystem::exists(tool)) {
    std::filesystem::copy_file(GPREEMPT_SOURCE_DIR "/tests/kit/fake_tool.sh", tool);
  }
  return run(tool.string(), arguments, variables);
}

Ended KitTest::with_tool(const std::string& arguments, const std::string& variables) const {
  return run(GPREEMPT_EXECUTABLE, arguments, variables);
}

void KitTest::hook(std::string_view bash) const {
  std::ofstream(folder_ / "hook", std::ios::binary) << bash << "\n";
}

std::vector<std::string> KitTest::calls() const {
  std::vector<std::string> all;
  std::istringstream lines(text_of(folder_ / "calls"));
  for (std::string line; std::getline(lines, line);) {
    all.push_back(line);
  }
  return all;
}

std::size_t KitTest::calls_of(std::string_view beginning) const {
  const std::vector<std::string> all = calls();
  return static_cast<std::size_t>(std::ranges::count_if(
      all, [&](const std::string& each) { return each.starts_with(beginning); }));
}

}  // namespace gpreempt::kit
