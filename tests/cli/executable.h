#pragma once

#include <filesystem>
#include <string>
#include <string_view>

/// Runs the built command as a user would.
namespace gpreempt::cli::testing {

struct Finished {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs `gpreempt ARGUMENTS` in a shell, with a file as its standard input; quotes are the
/// caller's.
[[nodiscard]] Finished gpreempt(const std::string& arguments,
                                const std::string& input = "/dev/null");

/// A folder of the running test's own, empty at first.
[[nodiscard]] std::filesystem::path fresh_folder();

/// Writes a file and returns its name.
std::string write_file(const std::filesystem::path& file, std::string_view text);
[[nodiscard]] std::string read_file(const std::filesystem::path& file);

/// `text` without the values of "wall_s".
[[nodiscard]] std::string without_wall_time(const std::string& text);

/// Two seconds, one periodic Online tenant of 10 ms requests every `period`, one Offline tenant.
[[nodiscard]] std::string small_scenario(const std::string& rate);

}  // namespace gpreempt::cli::testing
