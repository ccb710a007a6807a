// Goal: the ioctls are decoded as the kernel does. Method: raw ABI structs from one process; errno
// and outputs as in kfd_chardev.c.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/first_queue.h"
#include "backends/kfd/os.h"
#include "backends/kfd/topology.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using kfd::PtraceOp;
namespace abi = kfd::abi;

std::uint64_t address_of(const void* object) {
  return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(object));
}

/// A process with an open driver and one target of two queues.
class Caller : public Rig {
 public:
  explicit Caller(std::string_view personality = "dkms-6.12.12")
      : Rig(options(personality)),
        target(system().launch(training(2)).value()),
        device(os().open("/dev/kfd", kfd::OpenMode::kReadWrite).value()),
        notify(os().pipe().value()) {}

  /// The result, or a negative errno.
  long call(abi::TrapOp op, abi::TrapArgs& args) {
    args.pid = static_cast<std::uint32_t>(target.value());
    args.op = op;
    const auto result = os().ioctl(device, abi::kDbgTrap, &args);
    return result ? *result : -result.error().number;
  }
  long call(abi::TrapOp op) {
    abi::TrapArgs args;
    return call(op, args);
  }
  long enable(std::uint64_t mask = abi::kQueueNew) {
    abi::RuntimeInfo info;
    abi::TrapArgs args;
    args.enable = {.exception_mask = mask,
                   .rinfo_ptr = address_of(&info),
                   .rinfo_size = sizeof info,
                   .dbg_fd = static_cast<std::uint32_t>(notify.write)};
    return call(abi::TrapOp::kEnable, args);
  }
  void attach() {
    EXPECT_TRUE(os().ptrace(PtraceOp::kSeize, target.value(), kfd::kTraceExec));
    EXPECT_EQ(enable(), 0);
  }
  long suspend(std::vector<std::uint32_t>& ids, std::uint32_t grace = abi::kGraceDefault) {
    abi::TrapArgs args;
    args.suspend = {.exception_mask = 0,
                    .queue_array_ptr = address_of(ids.data()),
                    .num_queues = static_cast<std::uint32_t>(ids.size()),
                    .grace_period = grace};
    return call(abi::TrapOp::kSuspendQueues, args);
  }
  std::uint32_t clear_new() {
    std::array<abi::QueueSnapshotEntry, 8> entries{};
    abi::TrapArgs args;
    args.snapshot = {.exception_mask = abi::kQueueNew,
                     .snapshot_buf_ptr = address_of(entries.data()),
                     .num_queues = 8,
                     .entry_size = sizeof entries[0]};
    EXPECT_EQ(call(abi::TrapOp::kGetQueueSnapshot, args), 0);
    return args.snapshot.num_queues;
  }

  Pid target;
  kfd::Fd device;
  kfd::PipeEnds notify;
};

void in_world(const std::function<void(Caller&)>& body) {
  ASSERT_TRUE(run([&] {
    Caller caller;
    body(caller);
  }));
}

TEST(Driver, TellsItsVersionAndRefusesUnknownRequests) {
  in_world([](Caller& c) {
    abi::Version version;
    EXPECT_EQ(c.os().ioctl(c.device, abi::kGetVersion, &version).value(), 0);
    EXPECT_EQ(version.major_version, 1U);
    EXPECT_EQ(version.minor_version, 17U);
    EXPECT_EQ(c.os().ioctl(c.device, abi::kGetVersion + 1, &version).error().number, EINVAL);
    EXPECT_EQ(c.os().ioctl(c.notify.read, abi::kGetVersion, &version).error().number, ENOTTY);
    EXPECT_EQ(c.os().ioctl(77, abi::kGetVersion, &version).error().number, EBADF);
    EXPECT_EQ(c.os().ioctl(c.device, abi::kGetVersion, nullptr).error().number, EFAULT);
    abi::TrapArgs args;
    EXPECT_EQ(c.call(static_cast<abi::TrapOp>(99), args), -EPERM);  // rights come first
  });
}

TEST(Driver, EnableWantsATracedTargetAndAnOpenFile) {
  in_world([](Caller& c) {
    EXPECT_EQ(c.enable(), -EPERM);
    EXPECT_TRUE(c.os().ptrace(PtraceOp::kSeize, c.target.value(), 0));
    abi::TrapArgs args;
    args.enable.dbg_fd = 999;
    EXPECT_EQ(c.call(abi::TrapOp::kEnable, args), -EBADF);
    args.enable.dbg_fd = static_cast<std::uint32_t>(c.notify.write);
    args.enable.rinfo_size = sizeof(abi::RuntimeInfo);
    EXPECT_EQ(c.call(abi::TrapOp::kEnable, args), -EFAULT);
    EXPECT_EQ(c.enable(), -EALREADY);  // such drivers leave it enabled
    EXPECT_EQ(c.call(abi::TrapOp::kDisable), 0);
    EXPECT_EQ(c.enable(), 0);
    EXPECT_EQ(c.enable(), -EALREADY);
    c.target = Pid(1);
    EXPECT_EQ(c.enable(), -ESRCH);
  });
}

TEST(Driver, EnableGivesTheRuntimeInfoThatFits) {
  in_world([](Caller& c) {
    EXPECT_TRUE(c.os().ptrace(PtraceOp::kSeize, c.target.value(), 0));
    std::array<std::uint32_t, 16> bytes{};
    abi::TrapArgs args;
    args.enable = {.exception_mask = 0,
                   .rinfo_ptr = address_of(bytes.data()),
                   .rinfo_size = sizeof bytes,
                   .dbg_fd = static_cast<std::uint32_t>(c.notify.write)};
    EXPECT_EQ(c.call(abi::TrapOp::kEnable, args), 0);
    EXPECT_EQ(args.enable.rinfo_size, sizeof(abi::RuntimeInfo));
    EXPECT_EQ(bytes[2], 1U);  // enabled
    EXPECT_EQ(bytes[4], 0U);
  });
}

TEST(Driver, SnapshotFillsByTheStrideOfItsCaller) {
  in_world([](Caller& c) {
    c.attach();
    constexpr std::uint32_t kStride = 96;
    std::array<std::byte, std::size_t{2} * kStride> buffer{};
    abi::TrapArgs args;
    args.snapshot = {.exception_mask = 0,
                     .snapshot_buf_ptr = address_of(buffer.data()),
                     .num_queues = 1,
                     .entry_size = kStride};
    EXPECT_EQ(c.call(abi::TrapOp::kGetQueueSnapshot, args), 0);
    EXPECT_EQ(args.snapshot.num_queues, 2U);
    EXPECT_EQ(args.snapshot.entry_size, 64U);
    abi::QueueSnapshotEntry entry;
    std::memcpy(&entry, buffer.data(), sizeof entry);
    EXPECT_EQ(entry.queue_id, 1U);  // newest first
    EXPECT_EQ(entry.gpu_id, sim::gpu_id_of(0).value());
    EXPECT_EQ(entry.exception_status, abi::kQueueNew);
    EXPECT_EQ(entry.queue_type, abi::QueueKind::kComputeAql);
    EXPECT_EQ(entry.ring_size, 1U << 20U);
    EXPECT_EQ(entry.ctx_save_restore_area_size, 0xBA6000U);
    EXPECT_EQ(buffer[kStride], std::byte{0});
    args.snapshot.entry_size = 0;
    EXPECT_EQ(c.call(abi::TrapOp::kGetQueueSnapshot, args), -EINVAL);
    EXPECT_EQ(args.snapshot.num_queues, 0U);
    args.snapshot.num_queues = 1;
    args.snapshot.entry_size = kStride;
    args.snapshot.snapshot_buf_ptr = 0;
    EXPECT_EQ(c.call(abi::TrapOp::kGetQueueSnapshot, args), -EFAULT);
  });
}

TEST(Driver, SuspendMarksIdsAndCountsTheRest) {
  in_world([](Caller& c) {
    c.attach();
    std::vector<std::uint32_t> ids{0, 1};
    EXPECT_EQ(c.suspend(ids), 0);  // QUEUE_NEW is still set
    EXPECT_EQ(ids, (std::vector<std::uint32_t>{0 | abi::kQueueInvalid, 1 | abi::kQueueInvalid}));
    EXPECT_EQ(c.clear_new(), 2U);
    ids = {1, 9};
    EXPECT_EQ(c.suspend(ids), 1);
    EXPECT_EQ(ids, (std::vector<std::uint32_t>{1, 9 | abi::kQueueInvalid}));
    ids.assign(1025, 0);
    EXPECT_EQ(c.suspend(ids), -EINVAL);
    abi::TrapArgs args;
    args.suspend.num_queues = 1;
    EXPECT_EQ(c.call(abi::TrapOp::kSuspendQueues, args), -EINVAL);
  });
}

TEST(Driver, ResumeWithoutAnArrayResumesEverything) {
  in_world([](Caller& c) {
    c.attach();
    c.clear_new();
    std::vector<std::uint32_t> ids{0, 1};
    EXPECT_EQ(c.suspend(ids), 2);
    EXPECT_EQ(c.system().kfd().active_queues(0), 0U);
    EXPECT_EQ(c.call(abi::TrapOp::kResumeQueues), 2);
    EXPECT_EQ(c.system().kfd().active_queues(0), 2U);
  });
}

TEST(Driver, GracePeriodHasEightBitsAndZeroMeansOne) {
  in_world([](Caller& c) {
    c.attach();
    c.clear_new();
    c.system().start();
    const auto unmap_of = [&](std::uint32_t grace) {
      std::vector<std::uint32_t> ids{0, 1};
      // Until what was saved is back: 43 MB over a bus of 36 GB/s.
      EXPECT_EQ(c.os().wait({}, c.os().now() + std::chrono::milliseconds(3)).value(), 0U);
      EXPECT_EQ(c.suspend(ids, grace), 2);
      const auto& call = c.system().kfd().calls().back();
      const Duration unmap = call.phases.at(static_cast<std::size_t>(DriverPhase::kUnmap));
      EXPECT_EQ(c.call(abi::TrapOp::kResumeQueues), 2);
      return unmap;
    };
    // 1000 clocks at 1.65 GHz are 606.06 ns; kernels are long enough not to drain in 60 units.
    unmap_of(1);  // the first header copy evicts the process, which comes back after 1 ms
    EXPECT_EQ(c.os().wait({}, c.os().now() + std::chrono::milliseconds(5)).value(), 0U);
    const Duration one = unmap_of(1);
    EXPECT_EQ(unmap_of(0), one);
    EXPECT_EQ(unmap_of(0x101), one);
    EXPECT_EQ(unmap_of(60) - one, Duration(36364 - 606));
  });
}

TEST(Driver, NewQueueWritesOneByteAndIsOneEvent) {
  in_world([](Caller& c) {
    c.attach();
    c.clear_new();
    abi::TrapArgs args;
    args.query_event.exception_mask = ~std::uint64_t{0};
    EXPECT_EQ(c.call(abi::TrapOp::kQueryDebugEvent, args), -EAGAIN);
    EXPECT_TRUE(c.system().create_queue(c.target));
    std::array<std::byte, 8> bytes{};
    EXPECT_EQ(c.os().read(c.notify.read, bytes).value(), 1U);
    EXPECT_EQ(bytes[0], std::byte{'.'});
    EXPECT_EQ(c.call(abi::TrapOp::kQueryDebugEvent, args), 0);
    EXPECT_EQ(args.query_event.exception_mask, abi::kQueueNew);
    EXPECT_EQ(args.query_event.queue_id, 2U);
    EXPECT_EQ(args.query_event.gpu_id, sim::gpu_id_of(0).value());
    EXPECT_EQ(c.call(abi::TrapOp::kQueryDebugEvent, args), -EAGAIN);
  });
}

TEST(Driver, ExceptionsThatAreNotEnabledAreNotNotified) {
  in_world([](Caller& c) {
    c.attach();
    c.clear_new();
    EXPECT_EQ(c.call(abi::TrapOp::kSetExceptionsEnabled), 0);
    EXPECT_TRUE(c.system().create_queue(c.target));
    std::array<std::byte, 8> bytes{};
    EXPECT_EQ(c.os().read(c.notify.read, bytes).error().number, EAGAIN);
    abi::TrapArgs args;
    args.set_exceptions.exception_mask = abi::kQueueNew;  // pending already
    EXPECT_EQ(c.call(abi::TrapOp::kSetExceptionsEnabled, args), 0);
    EXPECT_EQ(c.os().read(c.notify.read, bytes).value(), 1U);
    EXPECT_EQ(c.call(abi::TrapOp::kSendRuntimeEvent), 0);
  });
}

TEST(Driver, AnotherThreadIsNoTracer) {
  in_world([](Caller& c) {
    c.attach();
    long result = 0;
    const auto worker = c.os().spawn("other", [&] {
      std::vector<std::uint32_t> ids{0};
      result = c.suspend(ids);
    });
    EXPECT_TRUE(c.os().join(worker.value()));
    EXPECT_EQ(result, -EPERM);
  });
}

TEST(Machine, TopologyIsThatOfTheModel) {
  in_world([](Caller& c) {
    const auto gpus = kfd::read_topology(c.os(), "/sys").value();
    ASSERT_EQ(gpus.size(), 1U);
    EXPECT_EQ(gpus[0].info.id, sim::gpu_id_of(0));
    EXPECT_EQ(gpus[0].info.xccs, 4U);
    EXPECT_EQ(gpus[0].info.cus, 80U);
    EXPECT_EQ(gpus[0].info.hqd_slots, 24U);
    EXPECT_EQ(gpus[0].max_clock_mhz, 1650U);
    EXPECT_EQ(c.os().read_file("/sys/module/amdgpu/version").value(), "6.12.12\n");
  });
}

TEST(Machine, SignalToALaunchedProcessGoesThroughItsTracer) {
  in_world([](Caller& c) {
    EXPECT_TRUE(c.os().ptrace(PtraceOp::kSeize, c.target.value(), kfd::kTraceExit));
    const kfd::Fd pidfd = c.os().open_pidfd(c.target).value();
    EXPECT_TRUE(c.os().signal(pidfd, SIGTERM));
    const auto next = [&] {
      std::array<kfd::WaitFd, 1> fds{kfd::WaitFd{.fd = c.os().child_events().value()}};
      EXPECT_EQ(c.os().wait(fds, kForever).value(), 1U);
      c.os().drain(fds[0].fd);
      return c.os().poll_child(c.target.value()).value().value();
    };
    EXPECT_EQ(next().kind, kfd::ChildStatus::Kind::kSignalStop);
    EXPECT_FALSE(c.system().exited(c.target));
    EXPECT_TRUE(c.os().ptrace(PtraceOp::kCont, c.target.value(), SIGTERM));
    EXPECT_EQ(next().kind, kfd::ChildStatus::Kind::kExitStop);
    EXPECT_EQ(c.os().ptrace(PtraceOp::kGetEvent, c.target.value(), 0).value(), SIGTERM);
    EXPECT_TRUE(c.os().ptrace(PtraceOp::kCont, c.target.value(), 0));
    const auto end = next();
    EXPECT_EQ(end.kind, kfd::ChildStatus::Kind::kKilled);
    EXPECT_EQ(end.value, SIGTERM);
    EXPECT_TRUE(c.system().exited(c.target));
    EXPECT_EQ(c.call(abi::TrapOp::kDisable), -ESRCH);
  });
}

TEST(Machine, ExitOfALaunchedProcessIsSeen) {
  in_world([](Caller& c) {
    EXPECT_TRUE(c.os().ptrace(PtraceOp::kSeize, c.target.value(), 0));
    const kfd::Fd pidfd = c.os().open_pidfd(c.target).value();
    c.system().exit(c.target);
    std::array<kfd::WaitFd, 1> fds{kfd::WaitFd{.fd = pidfd}};
    EXPECT_EQ(c.os().wait(fds, kForever).value(), 1U);
    const auto status = c.os().poll_child(c.target.value()).value();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->kind, kfd::ChildStatus::Kind::kExited);
    EXPECT_EQ(c.os().open_pidfd(c.target).error().number, ESRCH);
  });
}

TEST(Machine, QueuesOfAProcessAreInSysfs) {
  in_world([](Caller& c) {
    const std::string folder = fmt::format("/sys/class/kfd/kfd/proc/{}/queues", c.target);
    EXPECT_EQ(c.os().list_dir(folder).value(), (std::vector<std::string>{"0", "1"}));
    EXPECT_TRUE(kfd::has_queue(c.os(), "/sys", c.target));
    EXPECT_FALSE(kfd::has_queue(c.os(), "/sys", c.os().pid()));
    EXPECT_EQ(c.os().list_dir("/sys/class/kfd/kfd/proc/999999/queues").error().number, ENOENT);
  });
}

TEST(Machine, UserMayAskAProcessToEnd) {
  in_world([](Caller& c) {
    const kfd::Fd signals = c.os().signals().value();
    std::array<std::byte, 128> record{};
    EXPECT_EQ(c.os().read(signals, record).error().number, EAGAIN);
    c.os().ask_to_end(SIGINT);
    EXPECT_EQ(c.os().read(signals, record).value(), record.size());
    std::uint32_t number = 0;
    std::memcpy(&number, record.data(), sizeof number);
    EXPECT_EQ(number, static_cast<std::uint32_t>(SIGINT));
  });
}

}  // namespace
}  // namespace gpreempt::vkfd
