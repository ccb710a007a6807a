// Discovery on the virtual machine. Goal: the model's files show its processes and their queues as
// the driver's do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using kfd::KfdProcess;

TEST(DiscoveryOnTheModel, ListsItsProcessesWithEveryGpuThatTheySee) {
  ASSERT_TRUE(run([] {
    auto two = options();
    two.gpus = 2;
    Rig rig(two);
    const Pid pid = rig.system().launch(training(3)).value();
    const auto all = kfd::list_kfd_processes(rig.os()).value();
    const auto found = std::ranges::find(all, pid, &KfdProcess::pid);
    ASSERT_NE(found, all.end());
    EXPECT_EQ(found->name, "training");
    EXPECT_EQ(found->parent, Pid(1));
    EXPECT_EQ(found->ns_pids, std::vector{pid});
    EXPECT_EQ(found->tracer, Pid(0));
    EXPECT_EQ(found->container, "");
    EXPECT_EQ(found->queues.size(), 3U);
    // It has queues on one, and apertures of both.
    std::vector expected = {sim::gpu_id_of(0), sim::gpu_id_of(1)};
    std::ranges::sort(expected);
    EXPECT_EQ(found->gpus, expected);
  }));
}

TEST(DiscoveryOnTheModel, ProcessThatEndedIsNotListed) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid pid = rig.system().launch(training(1)).value();
    rig.system().exit(pid);
    const auto all = kfd::list_kfd_processes(rig.os()).value();
    EXPECT_EQ(std::ranges::find(all, pid, &KfdProcess::pid), all.end());
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
