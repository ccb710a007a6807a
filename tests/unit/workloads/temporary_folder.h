#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace gpreempt {

/// A folder of its own for each test; removed with its content at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            ("gpreempt." + std::to_string(::getpid()) + "." + info->test_suite_name() + "." +
             info->name());
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Writes a file and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view text) const {
    const std::filesystem::path file = path_ / name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

 private:
  std::filesystem::path path_;
};

/// Where recorded inputs lie: the environment's GPREEMPT_DATA_DIR, or what the build was told.
inline std::filesystem::path recorded_inputs() {
  const char* given = std::getenv("GPREEMPT_DATA_DIR");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(GPREEMPT_DATA_DIR);
}

}  // namespace gpreempt
