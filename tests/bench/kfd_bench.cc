// What the KFD client costs beside the driver: its own work around an ioctl, the hand-off of a
// request to a session's worker and of the answer back, and attaching. The driver is a fake that
// answers at once, so nothing here says how long a real one takes.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/activity.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "backends/kfd/session.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/stats.h"
#include "core/time.h"
#include "tests/os/real_processes.h"
#include "tests/support/forked_process.h"

namespace gpreempt::kfd {
namespace {

// ---- work in the thread

/// One thread, no system calls: a driver that answers at once, for a target with `queues` queues.
/// Whoever waits is told what `on_wait` has made ready.
class InstantOs final : public Os {
 public:
  explicit InstantOs(std::uint32_t queues) : queues_(queues) {}

  /// Runs the worker that was started, until it ends.
  void run(std::function<void()> on_wait) {
    on_wait_ = std::move(on_wait);
    std::exchange(body_, nullptr)();
  }

  Instant now() override { return Instant{} + Duration(++ticks_); }
  SysResult<WorkerId> spawn(std::string /*name*/, std::function<void()> body) override {
    body_ = std::move(body);
    return WorkerId(1);
  }
  SysResult<void> join(WorkerId /*worker*/) override { return {}; }
  Tid self() override { return 1; }
  SysResult<Fd> make_waker() override { return ++last_fd_; }
  void wake(Fd /*waker*/) override {}
  SysResult<std::size_t> wait(std::span<WaitFd> fds, Instant /*deadline*/) override {
    on_wait_();
    if (!fds.empty()) {
      fds[0].ready = true;
    }
    return 1;
  }
  void drain(Fd /*fd*/) override {}
  SysResult<Fd> open(const std::string& /*path*/, OpenMode /*mode*/) override { return ++last_fd_; }
  void close(Fd /*fd*/) override {}
  SysResult<std::size_t> read(Fd /*fd*/, std::span<std::byte> /*into*/) override {
    return sys_fail(EAGAIN);
  }
  SysResult<std::size_t> write(Fd /*fd*/, std::span<const std::byte> from) override {
    return from.size();
  }
  SysResult<PipeEnds> pipe() override { return PipeEnds{.read = ++last_fd_, .write = ++last_fd_}; }
  SysResult<Fd> listen(const std::string& /*path*/) override { return sys_fail(ENOENT); }
  SysResult<Fd> listen_to_all(const std::string& /*path*/) override { return sys_fail(ENOENT); }
  SysResult<Fd> accept(Fd /*listener*/) override { return sys_fail(ENOENT); }
  SysResult<Fd> connect(const std::string& /*path*/) override { return sys_fail(ENOENT); }
  SysResult<Peer> peer_of(Fd /*connection*/) override { return sys_fail(ENOENT); }
  SysResult<void> remove_file(const std::string& /*path*/) override { return sys_fail(ENOENT); }
  SysResult<std::string> read_file(const std::string& /*path*/) override {
    return sys_fail(ENOENT);
  }
  SysResult<std::vector<std::string>> list_dir(const std::string& /*path*/) override {
    return sys_fail(ENOENT);
  }
  SysResult<std::string> read_link(const std::string& /*path*/) override {
    return sys_fail(ENOENT);
  }
  SysResult<long> ioctl(Fd /*fd*/, std::uint32_t request, void* arg) override {
    if (request == abi::kGetVersion) {
      *static_cast<abi::Version*>(arg) = {.major_version = 1, .minor_version = 17};
      return 0;
    }
    return trap(*static_cast<abi::TrapArgs*>(arg));
  }
  SysResult<Pid> start(std::span<const std::string> /*argv*/, std::span<const std::string> /*env*/,
                       bool /*stopped*/) override {
    return sys_fail(EAGAIN);
  }
  SysResult<long> ptrace(PtraceOp /*op*/, Tid /*tid*/, std::uint64_t /*arg*/) override { return 0; }
  SysResult<std::optional<ChildStatus>> poll_child(Tid tid) override {
    // The answer to the interrupt of the way out.
    return ChildStatus{.tid = tid, .kind = ChildStatus::Kind::kInterruptStop};
  }
  SysResult<Fd> child_events() override { return ++last_fd_; }
  SysResult<Fd> signals() override { return ++last_fd_; }
  SysResult<Fd> open_pidfd(Pid /*pid*/) override { return ++last_fd_; }
  SysResult<void> signal(Fd /*pidfd*/, int /*number*/) override { return {}; }
  SysResult<std::size_t> read_memory(Pid /*pid*/,
                                     std::span<const MemoryRange> /*ranges*/) override {
    return sys_fail(EFAULT);
  }

 private:
  SysResult<long> trap(abi::TrapArgs& args) {
    if (args.op == abi::TrapOp::kQueryDebugEvent) {
      return sys_fail(EAGAIN);
    }
    if (args.op == abi::TrapOp::kSuspendQueues || args.op == abi::TrapOp::kResumeQueues) {
      return static_cast<long>(args.suspend.num_queues);
    }
    if (args.op == abi::TrapOp::kGetQueueSnapshot) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the ABI passes pointers as numbers
      auto* const entries = reinterpret_cast<abi::QueueSnapshotEntry*>(
          static_cast<std::uintptr_t>(args.snapshot.snapshot_buf_ptr));
      // Newest first, as the driver gives them.
      for (std::uint32_t i = 0; i < std::min(queues_, args.snapshot.num_queues); ++i) {
        const std::uint32_t id = queues_ - 1 - i;
        entries[i] = {.ring_base_address = 0x1000 * (std::uint64_t{id} + 1),
                      .queue_id = id,
                      .gpu_id = 1,
                      .ring_size = 1U << 20U,
                      .queue_type = abi::QueueKind::kComputeAql,
                      .ctx_save_restore_area_size = 1U << 20U};
      }
      args.snapshot.num_queues = queues_;
      args.snapshot.entry_size = sizeof(abi::QueueSnapshotEntry);
    }
    return 0;
  }

  std::uint32_t queues_;
  std::function<void()> body_;
  std::function<void()> on_wait_;
  std::int64_t ticks_ = 0;
  Fd last_fd_ = 2;
};

/// A suspend of all queues and a resume: three ioctls, two requests taken and two answers posted.
void BM_InThreadWork(benchmark::State& state) {
  const auto queues = static_cast<std::uint32_t>(state.range(0));
  InstantOs os(queues);
  const auto inbox = Mailbox<SessionRequest>::open(os).value();
  const auto outbox = Mailbox<BackendMessage>::open(os).value();
  GPREEMPT_CHECK(Session::start(os, {.target = TargetId(1), .pid = Pid(2), .device = "/dev/kfd"},
                                inbox, outbox)
                     .has_value());
  SuspendRequest suspend{.request = RequestId(1), .issued = {}, .until = kForever};
  for (std::uint32_t serial = 0; serial < queues; ++serial) {
    suspend.queues.emplace_back(serial);
  }
  const ResumeRequest resume{.request = RequestId(2), .issued = {}, .queues = suspend.queues};
  std::uint64_t done = 0;
  os.run([&] {
    while (const auto message = outbox->take()) {
      const auto* const report = std::get_if<SessionReport>(&*message);
      const auto* const each =
          report != nullptr ? std::get_if<SessionDone>(&report->what) : nullptr;
      done += each != nullptr && !each->error && each->outcomes.size() == queues ? 1U : 0U;
    }
    if (state.KeepRunning()) {
      inbox->post(suspend);
      inbox->post(resume);
    } else {
      inbox->post(StopSession{});
    }
  });
  GPREEMPT_CHECK(done == 2 * static_cast<std::uint64_t>(state.iterations()));
  constexpr double kIoctls = 3;
  state.counters["per_ioctl"] =
      benchmark::Counter(kIoctls * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_InThreadWork)->Arg(1)->Arg(8)->Arg(64);

// ---- hand-off

double microseconds(const Sample& sample, double quantile) {
  constexpr double kNsPerMicrosecond = 1e3;
  return static_cast<double>(sample.quantile(quantile).value().value) / kNsPerMicrosecond;
}

/// Half of each there-and-back.
class RoundTrips {
 public:
  template <class Once>
  void run(benchmark::State& state, Once once) {
    for (auto _ : state) {
      const auto begin = std::chrono::steady_clock::now();
      once();
      const auto end = std::chrono::steady_clock::now();
      state.SetIterationTime(std::chrono::duration<double>(end - begin).count() / 2);
      halves_.push_back(to_ns(std::chrono::duration_cast<Duration>(end - begin)) / 2);
    }
    const Sample sample(std::move(halves_));
    for (const auto& [name, q] : {std::pair("p50_us", 0.5), std::pair("p99_us", 0.99)}) {
      state.counters[name] = microseconds(sample, q);
    }
  }

 private:
  std::vector<std::int64_t> halves_;
};

/// As the backend does it: a mailbox with an eventfd, and a worker in ppoll.
void BM_HandOffMailbox(benchmark::State& state) {
  LinuxOs os;
  const auto there = Mailbox<int>::open(os).value();
  const auto back = Mailbox<int>::open(os).value();
  const auto take = [&os](Mailbox<int>& box) {
    for (;;) {
      if (const auto message = box.take()) {
        return *message;
      }
      WaitFd fd{.fd = box.fd()};
      GPREEMPT_CHECK(os.wait({&fd, 1}, kForever).has_value());
      box.drain();
    }
  };
  const WorkerId worker = os.spawn("echo", [&] {
                              while (const int message = take(*there)) {
                                back->post(message);
                              }
                            }).value();
  RoundTrips().run(state, [&] {
    there->post(1);
    benchmark::DoNotOptimize(take(*back));
  });
  there->post(0);
  GPREEMPT_CHECK(os.join(worker).has_value());
}
BENCHMARK(BM_HandOffMailbox)->UseManualTime();

/// One word in memory; `spin`: both sides look at it all the time.
void BM_HandOffWord(benchmark::State& state) {
  const bool spin = state.range(0) != 0;
  LinuxOs os;
  std::atomic<std::uint32_t> there{0};
  std::atomic<std::uint32_t> back{0};
  constexpr std::uint32_t kEnd = ~0U;
  const auto await = [spin](const std::atomic<std::uint32_t>& word, std::uint32_t old) {
    while (spin && word.load(std::memory_order_acquire) == old) {
    }
    word.wait(old, std::memory_order_acquire);
    return word.load(std::memory_order_acquire);
  };
  const auto set = [spin](std::atomic<std::uint32_t>& word, std::uint32_t value) {
    word.store(value, std::memory_order_release);
    if (!spin) {
      word.notify_one();
    }
  };
  const WorkerId worker = os.spawn("echo", [&] {
                              std::uint32_t seen = 0;
                              while ((seen = await(there, seen)) != kEnd) {
                                set(back, seen);
                              }
                            }).value();
  std::uint32_t sent = 0;
  RoundTrips().run(state, [&] {
    set(there, ++sent);
    await(back, sent - 1);
  });
  set(there, kEnd);
  GPREEMPT_CHECK(os.join(worker).has_value());
}
BENCHMARK(BM_HandOffWord)->ArgName("spin")->Arg(0)->Arg(1)->UseManualTime();

// ---- attach

/// A backend for one process, opened, attached, detached and closed: real threads, tracing and
/// /proc, a scripted driver.
void BM_AttachDetach(benchmark::State& state) {
  const ForkedProcess process([](int) {
    for (;;) {
      ::pause();
    }
  });
  RealProcesses os;
  os.create_queue(0);
  auto backend = open_backend(os, {.first_queue_poll = {}}).value();
  const auto await = [&backend](auto wanted) {
    for (;;) {
      const auto event = backend->next_event(kForever).value();
      if (event && std::holds_alternative<decltype(wanted)>(event->what)) {
        return;
      }
    }
  };
  std::vector<std::int64_t> attach;
  for (auto _ : state) {
    const Instant begin = os.now();
    const TargetId target = backend->attach(process.pid(), AttachMode::kControl).value();
    await(AttachDone{});
    attach.push_back(to_ns(os.now() - begin));
    GPREEMPT_CHECK(backend->detach(target).has_value());
    await(DetachDone{});
  }
  const Sample sample(std::move(attach));
  state.counters["attach_p50_us"] = microseconds(sample, 0.5);
  state.counters["attach_p99_us"] = microseconds(sample, 0.99);
  GPREEMPT_CHECK(backend->close().has_value());
}
BENCHMARK(BM_AttachDetach)->UseRealTime();

// ---- activity

/// One look at the rings of another process that has nothing to do: the state that is polled for
/// longest.
void BM_ActivityPoll(benchmark::State& state) {
  struct IdleRing {
    std::uint64_t read = 0;
    std::uint64_t write = 0;
  };
  const std::vector<IdleRing> rings(static_cast<std::size_t>(state.range(0)));
  // A copy of this process has them at the same addresses.
  const ForkedProcess process([](int) {
    for (;;) {
      ::pause();
    }
  });
  std::vector<RingPlace> places;
  for (const IdleRing& ring : rings) {
    places.push_back({.read_pointer = reinterpret_cast<std::uintptr_t>(&ring.read),
                      .write_pointer = reinterpret_cast<std::uintptr_t>(&ring.write),
                      .ring_base = 0,
                      .ring_bytes = 1U << 20U});
  }
  LinuxOs os;
  ActivityMeter meter;
  meter.set_rings(places);
  for (auto _ : state) {
    GPREEMPT_CHECK(meter.poll(os, process.pid()).value() != Activity::kBusy);
  }
}
BENCHMARK(BM_ActivityPoll)->Arg(1)->Arg(8)->Arg(64);

// ---- stops

/// Reports the number of each signal that it gets. Forked.
[[noreturn]] void report_signals(int report) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  report_number(report, 0);
  for (int signal = 0;;) {
    ::sigwait(&set, &signal);
    report_number(report, signal);
  }
}

/// From a signal's sending until its target has it, with so many targets under control, each of
/// which stops for it and is let go on. Without one: what Linux itself takes.
void BM_SignalToOneOfManyTargets(benchmark::State& state) {
  const auto controlled = static_cast<std::size_t>(state.range(0));
  std::vector<std::unique_ptr<ForkedProcess>> processes;
  for (std::size_t i = 0; i < std::max<std::size_t>(controlled, 1); ++i) {
    processes.push_back(std::make_unique<ForkedProcess>(report_signals));
    GPREEMPT_CHECK(processes.back()->read().has_value());
  }
  RealProcesses os;
  os.create_queue(0);
  auto backend = open_backend(os, {.rescan_period = {}, .first_queue_poll = {}}).value();
  for (std::size_t i = 0; i < controlled; ++i) {
    GPREEMPT_CHECK(backend->attach(processes[i]->pid(), AttachMode::kControl).has_value());
  }
  for (std::size_t attached = 0; attached < controlled;) {
    const auto event = backend->next_event(kForever).value();
    attached += event && std::holds_alternative<AttachDone>(event->what) ? 1U : 0U;
  }
  std::vector<std::int64_t> times;
  std::size_t next = 0;
  for (auto _ : state) {
    const ForkedProcess& target = *processes[next++ % processes.size()];
    const Instant begin = os.now();
    target.send(SIGUSR1);
    benchmark::DoNotOptimize(target.read());
    times.push_back(to_ns(os.now() - begin));
  }
  const Sample sample(std::move(times));
  state.counters["p50_us"] = microseconds(sample, 0.5);
  state.counters["p99_us"] = microseconds(sample, 0.99);
  state.counters["max_us"] = microseconds(sample, 1);
  GPREEMPT_CHECK(backend->close().has_value());
}
BENCHMARK(BM_SignalToOneOfManyTargets)->Arg(0)->Arg(1)->Arg(64)->UseRealTime();

/// From the driver's word that a target's runtime starts or ends until the answer that it waits
/// for.
void BM_RuntimeHandshake(benchmark::State& state) {
  const ForkedProcess process([](int) {
    for (;;) {
      ::pause();
    }
  });
  RealProcesses os;
  os.create_queue(0);
  auto backend = open_backend(os, {.rescan_period = {}, .first_queue_poll = {}}).value();
  const TargetId target = backend->attach(process.pid(), AttachMode::kControl).value();
  for (bool attached = false; !attached;) {
    const auto event = backend->next_event(kForever).value();
    attached = event && std::holds_alternative<AttachDone>(event->what);
  }
  std::vector<std::int64_t> times;
  for (auto _ : state) {
    os.clear_log();
    const Instant begin = os.now();
    os.raise({.exception_mask = abi::kProcessRuntime, .gpu_id = 0, .queue_id = 0});
    GPREEMPT_CHECK(os.await_call("send 0x800000000000 0 0"));
    times.push_back(to_ns(os.now() - begin));
  }
  const Sample sample(std::move(times));
  state.counters["p50_us"] = microseconds(sample, 0.5);
  state.counters["p99_us"] = microseconds(sample, 0.99);
  state.counters["max_us"] = microseconds(sample, 1);
  GPREEMPT_CHECK(backend->detach(target).has_value());
  GPREEMPT_CHECK(backend->close().has_value());
}
BENCHMARK(BM_RuntimeHandshake)->UseRealTime();

}  // namespace
}  // namespace gpreempt::kfd
