// The flight recorder. Goal: what went wrong can be looked at afterwards, and replayed: every call
// of a session is in the record as it went in and came out.
#include "backends/kfd/flight_recorder.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/flight_record.h"
#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/event.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::kfd {
namespace {

constexpr Fd kDriver = 3;

/// Answers as the driver did when the record was made. Calls must come in its order.
class RecordedDriver final : public ForwardingOs {
 public:
  RecordedDriver(Os& inner, std::vector<FlightEntry> entries)
      : ForwardingOs(inner), entries_(std::move(entries)) {}

  [[nodiscard]] SysResult<long> ioctl(Fd /*fd*/, std::uint32_t request, void* arg) override {
    const FlightEntry& entry = entries_.at(next_++);
    EXPECT_EQ(entry.request, request);
    auto& args = *static_cast<abi::TrapArgs*>(arg);
    abi::TrapArgs was{};
    std::memcpy(&was, entry.arguments.data(), sizeof was);
    EXPECT_EQ(was.op, args.op);
    if (args.op == abi::TrapOp::kSuspendQueues) {
      put(args.suspend.queue_array_ptr, entry.ids_after);
    } else if (args.op == abi::TrapOp::kGetQueueSnapshot) {
      put(args.snapshot.snapshot_buf_ptr, entry.snapshot);
    }
    std::memcpy(arg, entry.arguments_after.data(), entry.arguments_after.size());
    if (entry.result < 0) {
      return sys_fail(static_cast<int>(-entry.result));
    }
    return static_cast<long>(entry.result);
  }
  [[nodiscard]] bool is_over() const { return next_ == entries_.size(); }

 private:
  template <class T>
  static void put(std::uint64_t address, const std::vector<T>& what) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the ABI passes pointers as numbers
    std::memcpy(reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)), what.data(),
                what.size() * sizeof(T));
  }
  std::vector<FlightEntry> entries_;
  std::size_t next_ = 0;
};

class FlightRecorderTest : public ::testing::Test {
 protected:
  FlightRecorderTest() {
    driver_.create_queue(0);
    driver_.create_queue(1);
    driver_.set_suspend_status(1, {abi::kQueueError});
  }
  /// A snapshot and a suspend of both queues; of the second one it fails.
  static std::vector<Outcome> fly(Os& os) {
    DbgTrap trap(os, kDriver, FakeDriver::kTargetPid);
    const auto queues = trap.snapshot().value();
    std::vector<std::uint32_t> ids;
    for (const abi::QueueSnapshotEntry& queue : queues) {
      ids.push_back(queue.queue_id);
    }
    return trap.suspend(ids, abi::kGraceDefault).value();
  }

  FakeDriver driver_;
};

TEST_F(FlightRecorderTest, HasEveryCallWithItsIdsBeforeAndAfter) {
  FlightRecorder recorder(driver_, {});
  (void)fly(recorder);
  const auto entries = read_flight_record(recorder.dump(), "record").value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(name_of_call(entries[0]), "DBG_TRAP GET_QUEUE_SNAPSHOT");
  EXPECT_EQ(entries[0].snapshot.size(), 2 * sizeof(abi::QueueSnapshotEntry));
  EXPECT_EQ(name_of_call(entries[1]), "DBG_TRAP SUSPEND_QUEUES");
  EXPECT_EQ(entries[1].ids, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_EQ(entries[1].ids_after, (std::vector<std::uint32_t>{1 | abi::kQueueError, 0}));
  EXPECT_EQ(entries[1].result, 1);
  EXPECT_GE(entries[1].begin, entries[0].begin + entries[0].took);
}

TEST_F(FlightRecorderTest, RecordAnswersAsTheDriverDid) {
  FlightRecorder recorder(driver_, {});
  const auto outcomes = fly(recorder);
  EXPECT_EQ(outcomes, (std::vector{Outcome::kError, Outcome::kOk}));
  RecordedDriver replay(driver_, read_flight_record(recorder.dump(), "record").value());
  EXPECT_EQ(fly(replay), outcomes);
  EXPECT_TRUE(replay.is_over());
}

TEST_F(FlightRecorderTest, QueueWithAnErrorIsAnAnomaly) {
  std::vector<std::string> reasons;
  FlightRecorder recorder(
      driver_, {.on_anomaly = [&](std::string_view reason) { reasons.emplace_back(reason); }});
  (void)fly(recorder);
  EXPECT_EQ(reasons, std::vector<std::string>{"DBG_TRAP SUSPEND_QUEUES: the GPU did not do it"});
}

TEST_F(FlightRecorderTest, CallThatTakesLongIsAnAnomaly) {
  std::size_t count = 0;
  FlightRecorder recorder(driver_,
                          {.slow = Duration(-1), .on_anomaly = [&](std::string_view) { ++count; }});
  (void)DbgTrap(recorder, kDriver, FakeDriver::kTargetPid).snapshot();
  EXPECT_EQ(count, 1U);
}

TEST_F(FlightRecorderTest, KeepsTheLastOnesAndSaysHowManyAreLost) {
  FlightRecorder recorder(driver_, {.capacity = 3});
  for (int i = 0; i < 5; ++i) {
    (void)DbgTrap(recorder, kDriver, FakeDriver::kTargetPid).snapshot();
  }
  const std::string text = recorder.dump();
  EXPECT_NE(text.find("\"lost\":2"), std::string::npos);
  EXPECT_EQ(read_flight_record(text, "record").value().size(), 3U);
}

TEST_F(FlightRecorderTest, RefusalIsInTheRecord) {
  driver_.fail_next(abi::TrapOp::kGetQueueSnapshot, {EPERM});
  FlightRecorder recorder(driver_, {});
  EXPECT_FALSE(DbgTrap(recorder, kDriver, FakeDriver::kTargetPid).snapshot());
  EXPECT_EQ(read_flight_record(recorder.dump(), "record").value()[0].result, -EPERM);
}

TEST(FlightRecord, BrokenOneIsRefusedAtItsLine) {
  const std::string head = R"({"schema":1,"kind":"flight-record","lost":0})";
  const auto refused = [](const std::string& text) {
    return read_flight_record(text, "a.jsonl").error();
  };
  EXPECT_EQ(refused("").code, Errc::kParse);
  EXPECT_TRUE(refused("{}\n").what.starts_with("a.jsonl:1:1: "));
  EXPECT_TRUE(refused(head + "\n{\"at_ns\":1}\n").what.starts_with("a.jsonl:2:1: "));
  EXPECT_TRUE(refused(head + "\nnot json\n").what.starts_with("a.jsonl:2:1: "));
  EXPECT_TRUE(read_flight_record(head + "\n", "a.jsonl"));
}

}  // namespace
}  // namespace gpreempt::kfd
