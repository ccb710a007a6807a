#include "tests/experiments/worlds.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/error.h"
#include "core/testbed.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments::testing {
namespace {

constexpr std::uint32_t kKernelQueues = 8;

sim::World& world() {
  static sim::World world;
  return world;
}

}  // namespace

void PrintTo(Kind kind, std::ostream* out) { *out << name_of(kind); }

std::string name_of(Kind kind) { return kind == Kind::kSim ? "sim" : "vkfd"; }

sim::SystemOptions machine() {
  const Result<sim::Model> model = sim::find_model("mi308x", kKernelQueues);
  const Result<sim::Personality> personality = sim::find_personality("dkms-6.12.12");
  GPREEMPT_CHECK(model && personality);
  return {.gpu = model->point, .personality = *personality};
}

Setting setting_of(Kind kind) {
  Setting setting{.open = {}, .quick = true, .seed = 1, .backend = name_of(kind)};
  setting.open = [kind](const WorldRequest& request) -> Result<std::unique_ptr<Testbed>> {
    sim::SystemOptions options = machine();
    options.gpus = request.gpus;
    options.seed = request.seed;
    if (request.read_index_early) {
      options.gpu.read_index_early = *request.read_index_early ? 1 : 0;
    }
    if (request.ids_from_pid) {
      options.personality = sim::patched_personality();
    }
    if (kind == Kind::kVkfd) {
      return vkfd::open_vkfd_testbed(world(), options);
    }
    return sim::open_sim_testbed(world().timeline(), options);
  };
  return setting;
}

std::vector<Verdict> run(std::string_view experiment, const Setting& setting) {
  const Result<const Experiment*> found = find_experiment(experiment);
  if (!found) {
    ADD_FAILURE() << found.error().what;
    return {};
  }
  const Result<std::vector<Verdict>> verdicts = run_experiment(**found, setting);
  if (!verdicts) {
    ADD_FAILURE() << verdicts.error().what;
    return {};
  }
  return *verdicts;
}

Verdict find(const std::vector<Verdict>& verdicts, std::string_view name) {
  const auto found = std::ranges::find(verdicts, name, &Verdict::name);
  if (found == verdicts.end()) {
    ADD_FAILURE() << "no verdict " << name;
    return {};
  }
  return *found;
}

double number(const Verdict& verdict, std::string_view key) {
  const auto found =
      std::ranges::find_if(verdict.numbers, [&](const auto& each) { return each.first == key; });
  if (found == verdict.numbers.end()) {
    ADD_FAILURE() << verdict.name << " has no number " << key;
    return 0;
  }
  return found->second;
}

int run_tests_in_world() {
  int result = EXIT_FAILURE;
  const Result<void> ended = world().run([&result] { result = RUN_ALL_TESTS(); });
  if (!ended) {
    (void)std::fprintf(stderr, "%s\n", ended.error().what.c_str());
    return EXIT_FAILURE;
  }
  return result;
}

}  // namespace gpreempt::experiments::testing
