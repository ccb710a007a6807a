// Goal: gangs are the same on the virtual driver, with the real client, as on the model's own
// backend, however they are taken off. Method: the same ranks on both; everything that was seen and
// decided is equal, byte by byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/sim/sim_testbed.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/backend.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint32_t kRanks = 3;
constexpr Collective kCollective{
    .every = 4, .duration = microseconds(50), .shape = {.workgroups = 16, .waves = 4}};

struct Style {
  std::string name;
  GangOptions gang;
  bool one_process = false;
};

class GangParity : public testing::TestWithParam<Style> {};

/// A rank on each GPU, or all of them in one process.
std::vector<Program> ranks_of(Program program, std::uint32_t number, bool one_process) {
  program.trains = {with_collectives(program.trains.front(), kCollective)};
  program.gang = GangPlace{.gang = number, .rank = 0, .ranks = kRanks};
  if (one_process) {
    program.more_gpus = {1, 2};
    return {program};
  }
  std::vector<Program> programs(kRanks, program);
  for (std::uint32_t rank = 0; rank < kRanks; ++rank) {
    programs[rank].gpu = rank;
    programs[rank].gang->rank = rank;
    programs[rank].hints = program.hints && rank == 0;
  }
  return programs;
}

struct Played {
  std::string log;
  std::vector<Instant> ends;
  std::vector<Duration> work;
  std::vector<Duration> waited;
  std::size_t calls = 0;
};

Played play(Testbed& testbed, const Style& style) {
  Played played;
  Backend& backend = testbed.backend();
  SchedulerOptions options;
  options.gang = style.gang;
  Scheduler scheduler(make_policy("suspend").value(), options);
  const auto launch = [&](const std::vector<Program>& programs) {
    std::vector<Pid> pids;
    for (const Program& program : programs) {
      pids.push_back(testbed.launch(program).value());
    }
    return pids;
  };
  const std::vector<Pid> job = launch(ranks_of(training(2), 1, style.one_process));
  const std::vector<Pid> service = launch(ranks_of(inference(20, milliseconds(8), 3), 2, false));
  const auto add = [&](TenantSpec spec, const std::vector<Pid>& pids, AttachMode mode) {
    for (const Pid pid : pids) {
      spec.targets.push_back(backend.attach(pid, mode).value());
    }
    EXPECT_TRUE(scheduler.add_tenant(spec));
  };
  add({.name = "job", .priority = 2}, job, AttachMode::kControl);
  add({.name = "service", .cls = TenantClass::kOnline, .priority = 15}, service,
      AttachMode::kObserve);
  EventLog log(played.log, {.scenario = "gang", .policy = "suspend", .seed = 3});
  const auto go_on = [&](Duration duration) {
    EXPECT_TRUE(drive(backend, scheduler, log, backend.now() + duration));
  };
  // Attaching takes the client a little longer; what is compared begins at the same instant.
  constexpr Instant kBegin{std::chrono::seconds(1)};
  EXPECT_TRUE(testbed.wait(kBegin - backend.now()));
  testbed.start();
  go_on(milliseconds(300));
  EXPECT_TRUE(drive_to_rest(backend, scheduler, log, kForever));
  EXPECT_TRUE(backend.close());
  for (const RequestRecord& request : testbed.requests(service.front())) {
    played.ends.push_back(request.end);
  }
  for (const Pid pid : job) {
    played.work.push_back(testbed.progress(pid).work);
    played.waited.push_back(testbed.progress(pid).collective_wait);
  }
  played.calls = testbed.driver_calls().size();
  return played;
}

TEST_P(GangParity, SameLogAsTheSimBackend) {
  Played on_sim;
  Played on_vkfd;
  sim::SystemOptions machine = options();
  machine.gpus = kRanks;
  ASSERT_TRUE(
      run([&] { on_sim = play(*sim::open_sim_testbed(world().timeline(), machine), GetParam()); }));
  ASSERT_TRUE(
      run([&] { on_vkfd = play(*open_vkfd_testbed(world(), machine).value(), GetParam()); }));
  EXPECT_TRUE(on_sim.log == on_vkfd.log) << on_sim.log << "\n---- on vkfd\n" << on_vkfd.log;
  EXPECT_TRUE(on_sim.ends == on_vkfd.ends);
  EXPECT_TRUE(on_sim.work == on_vkfd.work);
  EXPECT_TRUE(on_sim.waited == on_vkfd.waited);
  EXPECT_EQ(on_sim.ends.size(), 20U);
  EXPECT_EQ(std::ranges::count(on_sim.ends, kForever), 0);
  EXPECT_GT(on_sim.calls, 20U);
}

INSTANTIATE_TEST_SUITE_P(
    Styles, GangParity,
    testing::Values(Style{.name = "Together", .gang = {}},
                    Style{.name = "TogetherOneProcess", .gang = {}, .one_process = true},
                    Style{.name = "PerGpuOneProcess",
                          .gang = {.order = GangOrder::kReverse, .split = GangSplit::kPerGpu},
                          .one_process = true},
                    Style{
                        .name = "OneByOne",
                        .gang = {.order = GangOrder::kSlowestFirst, .split = GangSplit::kOneByOne}},
                    Style{.name = "Staggered",
                          .gang = {.split = GangSplit::kStaggered, .gap = microseconds(700)}}),
    [](const testing::TestParamInfo<Style>& style) { return style.param.name; });

}  // namespace
}  // namespace gpreempt::vkfd
