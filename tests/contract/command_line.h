#pragma once

/// The arguments that the contract test programs have besides GoogleTest's.
namespace gpreempt::contract {

struct CommandLine {
  bool require_backend = false;  ///< a world that does not open fails its tests instead of skipping
  bool exclusive_hive = false;   ///< nobody else uses these GPUs or their hive: every test may run
};

/// As `parse` left it.
[[nodiscard]] const CommandLine& command_line();

/// Takes GoogleTest's arguments and ours. Returns false, with a sentence on stderr, for any other.
[[nodiscard]] bool parse(int argc, char** argv);

/// The tests are to be named, not run: nothing may be opened.
[[nodiscard]] bool only_lists_tests();

}  // namespace gpreempt::contract
