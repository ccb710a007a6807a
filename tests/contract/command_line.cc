#include "tests/contract/command_line.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

namespace gpreempt::contract {
namespace {

CommandLine& parsed() {
  static CommandLine line;
  return line;
}

}  // namespace

const CommandLine& command_line() { return parsed(); }

bool parse(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--require-backend") {
      parsed().require_backend = true;
    } else if (argument == "--exclusive-hive") {
      parsed().exclusive_hive = true;
    } else {
      std::fprintf(stderr,
                   "%s: unknown argument '%s'; use --require-backend, --exclusive-hive or "
                   "GoogleTest's own (--help)\n",
                   argv[0], argv[i]);
      return false;
    }
  }
  return true;
}

bool only_lists_tests() { return testing::GTEST_FLAG(list_tests); }

}  // namespace gpreempt::contract
