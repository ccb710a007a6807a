#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/cli/executable.h"

namespace gpreempt::cli::testing {

/// A bundle in a folder of its own.
class RecordedBundle : public ::testing::Test {
 protected:
  /// Runs the small scenario, whose ten requests of 10 ms come every 200 ms, into the bundle.
  void record(const std::string& arguments) {
    const Finished finished = gpreempt("run " + file_ + " --quiet " + arguments + " --out " + out_);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
  }

  std::filesystem::path folder_ = fresh_folder();
  std::string out_ = (folder_ / "out").string();
  std::string file_ = write_file(folder_ / "small.toml", small_scenario("5/s"));
};

}  // namespace gpreempt::cli::testing
