// Goal: at the first sign that hardware fails everything runs again, nothing is traced, and nothing
// more is asked of the driver. Method: the client as a command gets it, on the model of the driver,
// and one sign after another.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/hold/hold.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/safety/guarded_backend.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/vkfd/ioctl_probe.h"
#include "backends/vkfd/sim_os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint32_t kQueues = 2;
constexpr const char* kReset = "amdgpu 0000:11:00.0: amdgpu: GPU reset begin!";
constexpr const char* kCounts = "/sys/bus/pci/devices/0000:11:00.0/ras/umc_err_count";

/// Whose SUSPENDs take so long more, and whose next one reports an error of its first queue.
class SlowOs final : public kfd::ForwardingOs {
 public:
  using ForwardingOs::ForwardingOs;
  Duration delay{};
  bool has_error = false;

  [[nodiscard]] kfd::SysResult<long> ioctl(kfd::Fd fd, std::uint32_t request, void* arg) override {
    auto* const args =
        request == kfd::abi::kDbgTrap ? static_cast<kfd::abi::TrapArgs*>(arg) : nullptr;
    const bool is_suspend = args != nullptr && args->op == kfd::abi::TrapOp::kSuspendQueues;
    if (is_suspend && delay > Duration{}) {
      (void)inner().wait({}, inner().now() + delay);
    }
    auto result = inner().ioctl(fd, request, arg);
    if (is_suspend && result && std::exchange(has_error, false)) {
      *reinterpret_cast<std::uint32_t*>(args->suspend.queue_array_ptr) |= kfd::abi::kQueueError;
      return *result - 1;
    }
    return result;
  }
};

/// A job that a guarded controller has suspended for an hour.
class GuardRig {
 public:
  GuardRig() : target_(rig_.system().launch(training(kQueues)).value()) {
    kfd::SupervisionOptions options;
    options.guard.may_control = {target_};
    guarded_ = kfd::open_supervised(os_, std::move(options)).value();
    rig_.system().start();
    id_ = backend().attach(target_, AttachMode::kControl).value();
    EXPECT_TRUE(await<AttachDone>());
  }
  GuardRig(const GuardRig&) = delete;
  GuardRig& operator=(const GuardRig&) = delete;
  ~GuardRig() { EXPECT_TRUE(backend().close()); }

  [[nodiscard]] Backend& backend() { return *guarded_.backend; }
  [[nodiscard]] kfd::GuardedBackend& guard() { return *guarded_.guard; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return guarded_.warnings; }
  [[nodiscard]] Machine& machine() { return rig_.machine(); }
  [[nodiscard]] SlowOs& os() { return os_; }

  [[nodiscard]] std::uint32_t active_queues() { return rig_.system().kfd().active_queues(0); }
  [[nodiscard]] std::vector<QueueId> ids() {
    std::vector<QueueId> ids;
    for (const QueueInfo& queue : backend().queues(id_)) {
      ids.push_back(queue.id);
    }
    return ids;
  }
  [[nodiscard]] Result<RequestId> suspend() {
    return backend().control(id_, ids(), Suspend{.grace = {}, .lease = hours(1)});
  }
  void suspend_and_see() {
    ASSERT_TRUE(suspend());
    const auto done = await<ControlDone>();
    ASSERT_TRUE(done);
    ASSERT_FALSE(done->error);
    ASSERT_EQ(active_queues(), 0U);
  }
  /// The next event that is a `T`; nullopt: there was an error.
  template <class T>
  std::optional<T> await() {
    for (;;) {
      const auto event = backend().next_event(kForever);
      if (!event) {
        last_error_ = event.error();
        return std::nullopt;
      }
      if (const auto* const found = std::get_if<T>(&event->value().what)) {
        return *found;
      }
    }
  }
  [[nodiscard]] const std::optional<Error>& last_error() const { return last_error_; }
  void let_pass(Duration duration) { EXPECT_TRUE(looker_->wait({}, looker_->now() + duration)); }
  void log(const std::string& line) {
    machine().kernel_log().write(3, machine().world().timeline().now(), line);
  }

  /// What `next_event` says within so long; empty: no error.
  [[nodiscard]] std::string error_within(Duration duration) {
    const Instant end = backend().now() + duration;
    while (backend().now() < end) {
      const auto event = backend().next_event(end);
      if (!event) {
        last_error_ = event.error();
        return event.error().what;
      }
    }
    return {};
  }

  /// Everything runs, nobody is traced, another controller may come, and nothing is asked any more.
  void expect_given_back() {
    EXPECT_EQ(active_queues(), kQueues);
    const auto status =
        kfd::read_process_status(*looker_, "/proc", std::to_string(target_.value()));
    ASSERT_TRUE(status);
    EXPECT_EQ(kfd::value_of(*status, "TracerPid"), "0");
    const Duration before = rig_.system().progress(target_).work;
    let_pass(milliseconds(50));
    EXPECT_GT(rig_.system().progress(target_).work, before);
    const auto calls = rig_.system().kfd().calls().size();
    EXPECT_FALSE(suspend());
    EXPECT_FALSE(backend().attach(target_, AttachMode::kControl));
    EXPECT_FALSE(backend().next_event(kForever));
    let_pass(milliseconds(50));
    EXPECT_EQ(rig_.system().kfd().calls().size(), calls);
    IoctlProbe next(machine());
    EXPECT_TRUE(next.enable(target_));
    EXPECT_TRUE(next.disable(target_));
  }

 private:
  Rig rig_;
  Pid target_;
  SlowOs os_{rig_.os()};
  std::shared_ptr<SimOs> looker_ = SimOs::open(rig_.machine());
  kfd::Supervised guarded_;
  TargetId id_;
  std::optional<Error> last_error_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Guard, ResetLineInTheKernelsLogGivesEverythingBack) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    rig.suspend_and_see();
    EXPECT_EQ(rig.error_within(seconds(1)), "");
    rig.log(kReset);
    const Instant logged = rig.backend().now();
    const std::string error = rig.error_within(seconds(1));
    EXPECT_TRUE(has(error, kReset)) << error;
    EXPECT_EQ(rig.last_error()->code, Errc::kHardwareFailure);
    EXPECT_TRUE(rig.guard().stopped());
    // It looks every 20 ms; the way out is a resume, the end of the session and a detach.
    EXPECT_LT(rig.backend().now() - logged, milliseconds(100));
    rig.expect_given_back();
  }));
}

TEST(Guard, LinesOfOthersChangeNothing) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    rig.suspend_and_see();
    rig.log("amdgpu 0000:11:00.0: amdgpu: [gfxhub0] page fault (src_id:0 ring:24 vmid:8)");
    rig.log("usb 1-1: reset high-speed USB device number 2");
    EXPECT_EQ(rig.error_within(seconds(1)), "");
    EXPECT_EQ(rig.active_queues(), 0U);
    EXPECT_FALSE(rig.guard().stopped());
  }));
}

TEST(Guard, LinesThatGoUnreadGiveEverythingBack) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    rig.suspend_and_see();
    for (std::size_t i = 0; i <= KernelRing::kLines; ++i) {
      rig.log("something talks very much");
    }
    const std::string error = rig.error_within(seconds(1));
    EXPECT_TRUE(has(error, "lines went before they were read")) << error;
    rig.expect_given_back();
  }));
}

TEST(Guard, MachineThatShowsNoErrorCountsIsToldOf) {
  ASSERT_TRUE(run([] {
    const GuardRig rig;
    ASSERT_EQ(rig.warnings().size(), 1U);
    EXPECT_TRUE(has(rig.warnings().front(), "no GPU here shows error counts"));
  }));
}

/// The counts have to be there before the controller starts.
class CountedRig {
 public:
  CountedRig() : target_(rig_.system().launch(training(kQueues)).value()) {
    rig_.machine().files().put_live(kCounts, [this] { return counts; });
    kfd::SupervisionOptions options;
    options.guard.may_control = {target_};
    guarded = kfd::open_supervised(rig_.os(), std::move(options)).value();
  }
  CountedRig(const CountedRig&) = delete;
  CountedRig& operator=(const CountedRig&) = delete;
  ~CountedRig() { EXPECT_TRUE(guarded.backend->close()); }
  [[nodiscard]] Result<std::optional<Event>> next_in(Duration duration) {
    return guarded.backend->next_event(guarded.backend->now() + duration);
  }

 private:
  Rig rig_;
  Pid target_;

 public:
  std::string counts = "ue: 1\nce: 4\n";
  kfd::Supervised guarded;
};

TEST(Guard, RiseOfAnErrorCountStopsWithinItsPeriodAndThatOfACorrectedOneDoesNot) {
  ASSERT_TRUE(run([] {
    CountedRig rig;
    EXPECT_TRUE(rig.guarded.warnings.empty());
    EXPECT_TRUE(rig.next_in(seconds(11)));
    rig.counts = "ue: 1\nce: 400\n";
    EXPECT_TRUE(rig.next_in(seconds(11)));
    rig.counts = "ue: 2\nce: 400\n";
    const auto stopped = rig.next_in(seconds(6));
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Errc::kHardwareFailure);
    EXPECT_TRUE(has(stopped.error().what, "umc: 1 more uncorrectable error"))
        << stopped.error().what;
  }));
}

TEST(Guard, SuspendThatTakesLongGivesEverythingBackBeforeItHasEnded) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    rig.os().delay = milliseconds(150);
    ASSERT_TRUE(rig.suspend());
    const std::string error = rig.error_within(seconds(1));
    EXPECT_TRUE(has(error, "not done after 100ms")) << error;
    EXPECT_EQ(rig.last_error()->code, Errc::kHardwareFailure);
    rig.os().delay = {};
    rig.expect_given_back();
  }));
}

TEST(Guard, SuspendThatTookLongIsStillDeliveredAndGivesEverythingBack) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    rig.os().delay = milliseconds(150);
    ASSERT_TRUE(rig.suspend());
    rig.let_pass(milliseconds(400));  // its caller is busy meanwhile
    EXPECT_EQ(rig.active_queues(), 0U);
    const auto done = rig.await<ControlDone>();
    ASSERT_TRUE(done);
    EXPECT_GE(done->done - done->issued, milliseconds(150));
    EXPECT_EQ(rig.active_queues(), kQueues);
    rig.os().delay = {};
    EXPECT_TRUE(has(rig.error_within(seconds(1)), "more than 100ms"));
    rig.expect_given_back();
  }));
}

TEST(Guard, SuspendInTimeIsNotSlowForACallerThatAsksLate) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    ASSERT_TRUE(rig.suspend());
    rig.let_pass(seconds(2));
    EXPECT_TRUE(rig.await<ControlDone>());
    EXPECT_EQ(rig.error_within(seconds(1)), "");
    EXPECT_EQ(rig.active_queues(), 0U);
  }));
}

TEST(Guard, QueueWithAnErrorGivesEverythingBackAndIsStillReported) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    rig.os().has_error = true;
    ASSERT_TRUE(rig.suspend());
    const auto done = rig.await<ControlDone>();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->outcomes.front().outcome, Outcome::kError);
    // Already: whoever is told finds it done, and may still ask which queues they were.
    EXPECT_EQ(rig.active_queues(), kQueues);
    EXPECT_EQ(rig.ids().size(), kQueues);
    EXPECT_TRUE(has(rig.error_within(seconds(1)), "a queue with an error"));
    rig.expect_given_back();
  }));
}

TEST(Guard, ProcessThatWasNotNamedIsNotControlled) {
  ASSERT_TRUE(run([] {
    GuardRig rig;
    const Pid other = rig.machine().system().launch(training(1)).value();
    const auto refused = rig.backend().attach(other, AttachMode::kControl);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kNotPermitted);
    EXPECT_TRUE(rig.backend().attach(other, AttachMode::kObserve));
    const Pid third = rig.machine().system().launch(training(1)).value();
    rig.guard().name(third);
    EXPECT_TRUE(rig.backend().attach(third, AttachMode::kControl));
  }));
}

TEST(Guard, NothingBeginsSoonAfterTrouble) {
  ASSERT_TRUE(run([] {
    // The machine is younger than the wait, and every line in its log is.
    class TroubledRig {
     public:
      TroubledRig() { machine().kernel_log().write(3, machine().world().timeline().now(), kReset); }
      [[nodiscard]] Machine& machine() { return rig_.machine(); }
      [[nodiscard]] Result<kfd::Supervised> open(kfd::TroubleOptions trouble = {}) {
        kfd::SupervisionOptions options;
        options.trouble = std::move(trouble);
        return kfd::open_supervised(rig_.os(), std::move(options));
      }
      void let_pass(Duration duration) {
        EXPECT_TRUE(rig_.os().wait({}, rig_.os().now() + duration));
      }

     private:
      Rig rig_;
    } rig;
    rig.let_pass(minutes(9));
    const auto refused = rig.open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kHardwareFailure);
    EXPECT_TRUE(has(refused.error().what, "540s ago")) << refused.error().what;
    auto forced = rig.open({.back_off = {}});
    ASSERT_TRUE(forced) << forced.error().what;
    EXPECT_TRUE(has(forced->warnings.front(), kReset));
    EXPECT_TRUE(forced->backend->close());
    rig.let_pass(minutes(2));
    auto later = rig.open();
    ASSERT_TRUE(later) << later.error().what;
    EXPECT_TRUE(later->backend->close());
  }));
}

TEST(Guard, LogThatThisUserMayNotReadIsAnErrorUnlessItIsGivenUp) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const auto user = SimOs::open(rig.machine(), 1000);
    const auto refused = kfd::open_supervised(*user, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kNotPermitted) << refused.error().what;
    kfd::SupervisionOptions options;
    options.trouble.kernel_log.clear();
    auto given_up = kfd::open_supervised(*user, std::move(options));
    ASSERT_TRUE(given_up) << given_up.error().what;
    EXPECT_TRUE(has(given_up->warnings.front(), "not watched"));
    EXPECT_TRUE(given_up->backend->close());
    user->kill();
  }));
}

TEST(Guard, HoldEndsWithWhatTheGuardSaw) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid target = rig.system().launch(training(kQueues)).value();
    rig.system().start();
    kfd::SupervisionOptions options;
    options.guard.may_control = {target};
    const auto guarded = kfd::open_supervised(rig.os(), std::move(options)).value();
    const auto looker = SimOs::open(rig.machine());
    const auto worker = looker->spawn("looker", [&] {
      EXPECT_TRUE(looker->wait({}, looker->now() + milliseconds(300)));
      EXPECT_EQ(rig.system().kfd().active_queues(0), 0U);
      rig.machine().kernel_log().write(3, looker->now(), kReset);
    });
    const auto report =
        kfd::hold(rig.os(), *guarded.backend, {.targets = {target}, .limit = minutes(1)}, nullptr,
                  [](std::string_view) {});
    EXPECT_TRUE(looker->join(*worker));
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->end, kfd::HoldReport::End::kAnomaly);
    EXPECT_TRUE(has(report->anomaly, kReset)) << report->anomaly;
    EXPECT_EQ(report->queues.size(), kQueues);
    EXPECT_LT(rig.os().now() - report->queues.front().off, seconds(1));
    EXPECT_EQ(rig.system().kfd().active_queues(0), kQueues);
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
