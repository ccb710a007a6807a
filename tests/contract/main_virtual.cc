// The contract on the models, in virtual time: what `main_sim.cc` and `main_vkfd.cc` share. All
// tests run inside one party of one engine, because SimGrid's cannot be made twice in a process.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "core/error.h"
#include "core/testbed.h"
#include "tests/contract/command_line.h"
#include "tests/support/model_machine.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {
namespace {

sim::World& world() {
  static sim::World world;
  return world;
}

Result<std::unique_ptr<Testbed>> open(const Machine& machine) {
  const Result<sim::SystemOptions> options = options_of(machine);
  if (!options) {
    return tl::unexpected<Error>(options.error());
  }
  return open_in(world(), *options);
}

int run() {
  int result = EXIT_FAILURE;
  const Result<void> ended = world().run([&result] { result = RUN_ALL_TESTS(); });
  if (!ended) {
    std::fprintf(stderr, "%s\n", ended.error().what.c_str());
    return EXIT_FAILURE;
  }
  return result;
}

}  // namespace

std::vector<TestbedCase> testbed_cases() {
  return {{.name = "Mi308x", .open = [] { return open({}); }},
          {.name = "Mi308xTwoGpus", .open = [] { return open({.gpus = 2}); }}};
}

std::vector<TestbedCase> firmware_cases() {
  return {{.name = "Mi308xIndexAtBegin", .open = [] { return open({.read_index_early = true}); }},
          {.name = "Mi308xIndexAtEnd", .open = [] { return open({.read_index_early = false}); }}};
}

std::vector<TestbedCase> drawn_cases() {
  std::vector<TestbedCase> cases;
  for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
    cases.push_back({.name = fmt::format("Mi308xDraw{}", draw),
                     .open = [draw] { return open({.draw = draw}); },
                     .suspend_band = suspend_band_of_training()});
  }
  return cases;
}

}  // namespace gpreempt::contract

int main(int argc, char** argv) {
  if (!gpreempt::contract::parse(argc, argv)) {
    return EXIT_FAILURE;
  }
  return gpreempt::contract::only_lists_tests() ? RUN_ALL_TESTS() : gpreempt::contract::run();
}
