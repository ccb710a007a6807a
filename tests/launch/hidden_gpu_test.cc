// Goal: a command whose processes work on a GPU that was not to be shown to it is refused, since
// nobody was asked whom a suspend there disturbs. Method: the modelled machine with two GPUs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/target_selector.h"
#include "backends/kfd/topology.h"
#include "backends/sim/system.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "tests/launch/stand_ins.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::seconds;

sim::SystemOptions two_gpus() {
  sim::SystemOptions two = vkfd::options();
  two.gpus = 2;
  return two;
}

class TwoGpus {
 public:
  TwoGpus() : rig_(two_gpus()), stand_ins_(rig_.machine()) {
    stand_ins_.install("train", training(1), {.hints = false, .processes = 2});
    const auto topology = kfd::read_topology(rig_.os(), "/sys").value();
    EXPECT_EQ(topology.size(), 2U);
    shown_ = topology.front().info.id;
    hidden_ = topology.back().info.id;
  }

  /// The testbed shows these GPUs.
  Result<void> bring_up(const kfd::TenantCommand& who, const std::vector<GpuId>& gpus) {
    kfd::Tenant tenant(rig_.os(), "train", who);
    Result<void> done = tenant.bring_up(
        {.roots = {}, .gpus = gpus, .ready_patience = seconds(1), .say = {}}, "/tmp/x.hints");
    EXPECT_TRUE(tenant.end(seconds(1)));
    return done;
  }

  /// Two workers, one on each GPU.
  static kfd::TenantCommand command() {
    return {.argv = {"/usr/bin/train"}, .existing = {}, .processes = 2};
  }
  /// One that runs already, on the second GPU.
  kfd::TenantCommand existing() {
    Program program = training(1);
    program.gpu = 1;
    const Pid pid = rig_.system().launch(program).value();
    rig_.system().start();
    return {.argv = {},
            .existing = {{.by = kfd::TargetSelector::By::kPid, .pid = pid, .name = {}}}};
  }
  [[nodiscard]] GpuId shown() const { return shown_; }
  [[nodiscard]] GpuId hidden() const { return hidden_; }
  [[nodiscard]] Pid second_worker() { return stand_ins_.pids("train").back(); }

 private:
  Rig rig_;
  StandIns stand_ins_;
  GpuId shown_;
  GpuId hidden_;
};

TEST(HiddenGpu, CommandOnItIsRefused) {
  ASSERT_TRUE(run([] {
    TwoGpus machine;
    const auto refused = machine.bring_up(TwoGpus::command(), {machine.shown()});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
    EXPECT_EQ(refused.error().what,
              fmt::format("bring up tenant 'train': pid {} has queues on GPU {:x}, which "
                          "ROCR_VISIBLE_DEVICES of gpreempt hides; set the variable for gpreempt, "
                          "not in the command",
                          machine.second_worker(), machine.hidden().value()));
  }));
}

TEST(HiddenGpu, CommandOnThoseThatAreShownIsFine) {
  ASSERT_TRUE(run([] {
    TwoGpus machine;
    const auto fine = machine.bring_up(TwoGpus::command(), {machine.hidden(), machine.shown()});
    EXPECT_TRUE(fine) << fine.error().what;
  }));
}

TEST(HiddenGpu, ProcessThatRunsAlreadyHasAnEnvironmentOfItsOwn) {
  ASSERT_TRUE(run([] {
    TwoGpus machine;
    const auto fine = machine.bring_up(machine.existing(), {machine.shown()});
    EXPECT_TRUE(fine) << fine.error().what;
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
