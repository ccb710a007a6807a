// The contract in the `vkfd` world: the KFD backend on the models, in virtual time. All tests run
// inside one party of one engine, because SimGrid's cannot be made twice in a process.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/error.h"
#include "core/testbed.h"
#include "tests/contract/command_line.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {
namespace {

sim::World& world() {
  static sim::World world;
  return world;
}

Result<std::unique_ptr<Testbed>> open(std::uint32_t gpus) {
  constexpr std::uint32_t kKernelQueues = 8;
  const Result<sim::Model> model = sim::find_model("mi308x", kKernelQueues);
  if (!model) {
    return tl::unexpected<Error>(model.error());
  }
  const Result<sim::Personality> personality = sim::find_personality("dkms-6.12.12");
  if (!personality) {
    return tl::unexpected<Error>(personality.error());
  }
  return vkfd::open_vkfd_testbed(
      world(), sim::SystemOptions{.gpu = model->point, .gpus = gpus, .personality = *personality});
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
  return {{.name = "Mi308x", .open = [] { return open(1); }},
          {.name = "Mi308xTwoGpus", .open = [] { return open(2); }}};
}

}  // namespace gpreempt::contract

int main(int argc, char** argv) {
  if (!gpreempt::contract::parse(argc, argv)) {
    return EXIT_FAILURE;
  }
  return gpreempt::contract::only_lists_tests() ? RUN_ALL_TESTS() : gpreempt::contract::run();
}
