// Goal: what `gpreempt suspend` keeps off the GPU is off for as long as it was asked to be, and on
// again however that ends. Method: the tool's own code in one virtual process, who asks it to
// resume in another, on the model of the driver; work done is the model's account of it.
#include "backends/kfd/hold/hold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/os.h"
#include "backends/vkfd/ioctl_probe.h"
#include "backends/vkfd/sim_os.h"
#include "core/checked_backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using kfd::HoldOptions;
using kfd::HoldReport;
using std::chrono::milliseconds;
using End = HoldReport::End;

constexpr Duration kLimit = milliseconds(400);
/// Enough for an attach and a suspend of three queues.
constexpr Duration kUntilHeld = milliseconds(150);

/// A target with three queues, the tool that holds it, and somebody who looks on.
class HoldRig {
 public:
  explicit HoldRig(Program program = training(3))
      : target_(rig_.system().launch(std::move(program)).value()) {
    rig_.system().start();
  }

  [[nodiscard]] Pid target() const { return target_; }
  [[nodiscard]] sim::System& system() { return rig_.system(); }
  [[nodiscard]] Machine& machine() { return rig_.machine(); }
  [[nodiscard]] SimOs& tool() { return rig_.os(); }
  [[nodiscard]] SimOs& looker() { return *looker_; }
  [[nodiscard]] HoldOptions options() const { return {.targets = {target_}, .limit = kLimit}; }

  /// Does `meanwhile` in a process of its own, from now on.
  void meanwhile(std::function<void()> what) {
    worker_ = looker_->spawn("looker", std::move(what)).value();
  }
  [[nodiscard]] Result<HoldReport> hold(const HoldOptions& options) {
    auto backend = make_checked_backend(kfd::open_backend(tool(), {}).value());
    auto socket = kfd::ResumeSocket::open(tool());
    EXPECT_TRUE(socket);
    auto report = kfd::hold(tool(), *backend, options, socket->get(),
                            [this](std::string_view line) { said_ += std::string(line) + "\n"; });
    (*socket)->close();
    if (worker_) {
      EXPECT_TRUE(looker_->join(*worker_));
    }
    return report;
  }
  [[nodiscard]] const std::string& said() const { return said_; }

  void let_pass(Duration duration) { EXPECT_TRUE(looker_->wait({}, looker_->now() + duration)); }
  /// What the target does in so long.
  [[nodiscard]] Duration work_in(Duration duration) {
    const Duration before = system().progress(target_).work;
    let_pass(duration);
    return system().progress(target_).work - before;
  }
  [[nodiscard]] std::uint32_t active_queues() { return system().kfd().active_queues(0); }
  [[nodiscard]] Result<kfd::ResumeAnswer> ask(const std::vector<std::uint32_t>& queues) {
    const auto holder = kfd::tracer_of(*looker_, target_);
    return holder ? kfd::ask_to_resume(*looker_, *holder, target_, queues)
                  : tl::unexpected<Error>(holder.error());
  }

 private:
  Rig rig_;
  Pid target_;
  std::shared_ptr<SimOs> looker_ = SimOs::open(rig_.machine());
  std::optional<kfd::WorkerId> worker_;
  std::string said_;
};

std::vector<std::uint32_t> ids_of(const HoldReport& report) {
  std::vector<std::uint32_t> ids;
  for (const kfd::HeldQueue& queue : report.queues) {
    ids.push_back(queue.kernel_id);
  }
  return ids;
}

TEST(Hold, TargetMakesNoProgressUntilTheLimitAndGoesOnAfterIt) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      EXPECT_EQ(rig.active_queues(), 0U);
      EXPECT_EQ(rig.work_in(milliseconds(200)), Duration{});
    });
    const auto report = rig.hold(rig.options());
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, End::kLimit);
    EXPECT_EQ(ids_of(*report), (std::vector<std::uint32_t>{0, 1, 2}));
    for (const kfd::HeldQueue& queue : report->queues) {
      EXPECT_EQ(queue.outcome, Outcome::kOk);
      ASSERT_TRUE(queue.on);
      EXPECT_GT(*queue.on - queue.off, kLimit - milliseconds(100));
    }
    EXPECT_EQ(rig.active_queues(), 3U);
    EXPECT_GT(rig.work_in(milliseconds(50)), Duration{});
  }));
}

TEST(Hold, OnlyTheNamedQueuesAreSuspended) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      EXPECT_EQ(rig.active_queues(), 2U);
    });
    HoldOptions options = rig.options();
    options.queues = {1};
    const auto report = rig.hold(options);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(ids_of(*report), std::vector<std::uint32_t>{1});
  }));
}

/// Copies that are under way would never end, and the process might wait for them.
TEST(Hold, SdmaQueuesOfTheTargetAreLeftAlone) {
  ASSERT_TRUE(run([] {
    Program program = training(1);
    program.runtime = Runtime::kHip;
    HoldRig rig(program);
    std::vector<std::uint32_t> compute;
    for (const auto& queue : rig.system().kfd().queues_of(rig.target())) {
      if (queue.type == QueueType::kCompute) {
        compute.push_back(queue.id);
      }
    }
    std::ranges::sort(compute);
    ASSERT_EQ(compute.size(), 2U);  // the runtime's own, and the user's
    const auto report = rig.hold(rig.options());
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(ids_of(*report), compute);
  }));
}

TEST(Hold, QueueThatIsMadeMeanwhileIsSuspendedToo) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      EXPECT_TRUE(rig.system().create_queue(rig.target()));
      rig.let_pass(milliseconds(50));
      EXPECT_EQ(rig.active_queues(), 0U);
    });
    const auto report = rig.hold(rig.options());
    ASSERT_TRUE(report) << report.error().what;
    ASSERT_EQ(report->queues.size(), 4U);
    EXPECT_TRUE(report->queues.back().is_late);
    EXPECT_FALSE(report->queues.front().is_late);
    EXPECT_EQ(rig.active_queues(), 4U);
  }));
}

TEST(Hold, AnotherProcessMayAskForEverythingWhichEndsIt) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      const auto answer = rig.ask({});
      ASSERT_TRUE(answer) << answer.error().what;
      EXPECT_EQ(answer->resumed, (std::vector<std::uint32_t>{0, 1, 2}));
      EXPECT_EQ(rig.active_queues(), 3U);
    });
    const Instant begin = rig.tool().now();
    const auto report = rig.hold(rig.options());
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, End::kResumed);
    EXPECT_LT(rig.tool().now() - begin, kLimit);
  }));
}

TEST(Hold, AnotherProcessMayAskForOneQueueAndTheOthersStayOff) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      const auto answer = rig.ask({2});
      ASSERT_TRUE(answer) << answer.error().what;
      EXPECT_EQ(answer->resumed, std::vector<std::uint32_t>{2});
      EXPECT_EQ(rig.active_queues(), 1U);
      const auto again = rig.ask({2});
      ASSERT_FALSE(again);
      EXPECT_EQ(again.error().what, "resume queue 2 of pid " +
                                        std::to_string(rig.target().value()) +
                                        ": it is not suspended; queues 0 1 can be resumed");
      EXPECT_EQ(again.error().code, Errc::kInvalidArgument);
    });
    const auto report = rig.hold(rig.options());
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, End::kLimit);
    EXPECT_EQ(rig.active_queues(), 3U);
  }));
}

TEST(Hold, RequestThatComesBeforeTheSuspensionIsServedAfterIt) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    const Pid other = rig.system().launch(training(2)).value();
    rig.system().start();
    rig.meanwhile([&] {
      // As soon as somebody traces it, which is before anything is suspended.
      while (kfd::tracer_of(rig.looker(), rig.target()).value() == Pid(0)) {
        rig.let_pass(std::chrono::microseconds(10));
      }
      EXPECT_EQ(rig.active_queues(), 5U);
      const auto answer = rig.ask({});
      ASSERT_TRUE(answer) << answer.error().what;
      rig.let_pass(milliseconds(50));
      EXPECT_GT(rig.work_in(milliseconds(50)), Duration{});
      EXPECT_EQ(rig.active_queues(), 3U);  // the other one's are off
    });
    HoldOptions options = rig.options();
    options.targets = {rig.target(), other};
    const auto report = rig.hold(options);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, End::kLimit);
  }));
}

TEST(Hold, UserWhoEndsItGetsEverythingBack) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      rig.tool().ask_to_end(SIGINT);
    });
    const auto report = rig.hold(rig.options());
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, End::kInterrupted);
    EXPECT_EQ(rig.active_queues(), 3U);
  }));
}

TEST(Hold, EndsWithItsTarget) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      rig.system().exit(rig.target());
    });
    const auto report = rig.hold(rig.options());
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, End::kExited);
  }));
}

TEST(Hold, SlowSuspendEndsItAtOnce) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    HoldOptions options = rig.options();
    options.slow = Duration(1);
    const Instant begin = rig.tool().now();
    const auto report = rig.hold(options);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, End::kAnomaly);
    EXPECT_NE(report->anomaly.find("firmware may hang"), std::string::npos);
    EXPECT_LT(rig.tool().now() - begin, kLimit);
    EXPECT_EQ(rig.active_queues(), 3U);
  }));
}

TEST(Hold, UnknownQueueIsRefusedAndNothingStaysAttached) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    HoldOptions options = rig.options();
    options.queues = {1, 7};
    const auto report = rig.hold(options);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Errc::kNoSuchQueue);
    EXPECT_NE(report.error().what.find("there is none; it has queues 0 1 2"), std::string::npos)
        << report.error().what;
    EXPECT_EQ(rig.active_queues(), 3U);
    IoctlProbe next(rig.machine());
    EXPECT_TRUE(next.enable(rig.target()));
    EXPECT_TRUE(next.disable(rig.target()));
  }));
}

TEST(Hold, HolderThatIsKilledLeavesNothingSuspended) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    const auto tool = rig.tool().shared_from_this();
    rig.meanwhile([&] {
      rig.let_pass(kUntilHeld);
      EXPECT_EQ(rig.active_queues(), 0U);
      tool->kill();
      rig.let_pass(milliseconds(50));
      EXPECT_EQ(rig.active_queues(), 3U);
    });
    EXPECT_FALSE(rig.hold(rig.options()));
  }));
}

TEST(AskToResume, TracerThatIsNoHolderIsNamed) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    IoctlProbe gdb(rig.machine());
    ASSERT_TRUE(gdb.enable(rig.target()));
    const auto holder = kfd::tracer_of(rig.looker(), rig.target());
    ASSERT_TRUE(holder);
    EXPECT_NE(*holder, Pid(0));
    const auto answer = kfd::ask_to_resume(rig.looker(), *holder, rig.target(), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::kBusy);
    EXPECT_NE(answer.error().what.find("is no `gpreempt suspend`"), std::string::npos);
    EXPECT_TRUE(gdb.disable(rig.target()));
  }));
}

TEST(AskToResume, ProcessThatNobodyTracesHasNoHolder) {
  ASSERT_TRUE(run([] {
    HoldRig rig;
    EXPECT_EQ(kfd::tracer_of(rig.looker(), rig.target()).value(), Pid(0));
    EXPECT_EQ(kfd::tracer_of(rig.looker(), Pid(999'999)).error().code, Errc::kProcessExited);
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
