// The contract in the `kfd` world: this machine's first GPU, in real time. Without one the tests
// are skipped with what is missing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "backends/kfd/testbed.h"
#include "tests/contract/command_line.h"
#include "tests/support/testbed_case.h"
#include "workloads/program_file.h"

namespace gpreempt::contract {

std::string_view world_name() { return "kfd"; }

std::vector<TestbedCase> testbed_cases() {
  return {{.name = "KfdGpu0", .open = [] {
             return kfd::open_testbed({.text_of = program_text, .open = {}, .gpus = 1});
           }}};
}

std::vector<TestbedCase> firmware_cases() { return testbed_cases(); }

std::vector<TestbedCase> drawn_cases() { return testbed_cases(); }

}  // namespace gpreempt::contract

int main(int argc, char** argv) {
  return gpreempt::contract::parse(argc, argv) ? RUN_ALL_TESTS() : EXIT_FAILURE;
}
