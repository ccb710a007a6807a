// The record of a target's queues. Goal: whatever is created and destroyed between two snapshots,
// it says who came and who went, and keeps which queue is suspended. Method: rapidcheck makes up
// the life of a process whose list works as the driver's: newest first, the lowest free id is given
// out again at once.
#include "backends/kfd/session_queues.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/messages.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// The driver's list of one process. The ring's address names a queue for good.
class DriverList {
 public:
  void create() {
    std::uint32_t id = 0;
    while (used_.contains(id)) {
      ++id;
    }
    used_.insert(id);
    entries_.insert(entries_.begin(), {.ring_base_address = next_ring_++, .queue_id = id});
  }
  void destroy(std::size_t place) {
    if (entries_.empty()) {
      return;
    }
    const auto victim = entries_.begin() + static_cast<std::ptrdiff_t>(place % entries_.size());
    used_.erase(victim->queue_id);
    entries_.erase(victim);
  }
  [[nodiscard]] const std::vector<abi::QueueSnapshotEntry>& snapshot() const { return entries_; }

 private:
  std::vector<abi::QueueSnapshotEntry> entries_;
  std::set<std::uint32_t> used_;
  std::uint64_t next_ring_ = 1;
};

/// What must be true: every queue by its ring, as the changes told of it.
struct Expected {
  std::map<std::uint64_t, QueueSerial> serial_of;
  std::map<std::uint64_t, Instant> suspended;

  void take(const SessionQueues::Changes& changes) {
    for (const QueueSerial serial : changes.gone) {
      std::erase_if(suspended, [&](const auto& each) { return serial_of[each.first] == serial; });
      RC_ASSERT(std::erase_if(serial_of, [&](const auto& each) { return each.second == serial; }) ==
                1U);
    }
    for (const SessionQueueBorn& born : changes.born) {
      RC_ASSERT(serial_of.emplace(born.entry.ring_base_address, born.serial).second);
    }
  }
};

RC_GTEST_PROP(SessionQueues, FollowAnyCreationAndDestructionBetweenTwoSnapshots, ()) {
  DriverList driver;
  SessionQueues queues;
  Expected expected;
  const auto rounds = *rc::gen::inRange(1, 30);
  for (int round = 0; round < rounds; ++round) {
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40));
    for (const int step : steps) {
      // A third of them destroy.
      if (step % 3 == 0) {
        driver.destroy(static_cast<std::size_t>(step));
      } else {
        driver.create();
      }
    }
    expected.take(queues.apply(driver.snapshot()));
    RC_ASSERT(expected.serial_of.size() == driver.snapshot().size());
    for (const abi::QueueSnapshotEntry& entry : driver.snapshot()) {
      RC_ASSERT(expected.serial_of.contains(entry.ring_base_address));
      const QueueSerial serial = expected.serial_of[entry.ring_base_address];
      RC_ASSERT(queues.kernel_id(serial) == std::optional(entry.queue_id));
      if (*rc::gen::arbitrary<bool>()) {
        const Instant until = Instant{} + std::chrono::milliseconds(*rc::gen::inRange(1, 9));
        queues.set_suspended(serial, until);
        expected.suspended[entry.ring_base_address] = until;
      } else {
        queues.set_running(serial);
        expected.suspended.erase(entry.ring_base_address);
      }
    }
    RC_ASSERT(queues.due(kForever).size() == expected.suspended.size());
    for (const auto& [ring, until] : expected.suspended) {
      const auto due = queues.due(until);
      RC_ASSERT(std::find(due.begin(), due.end(), expected.serial_of[ring]) != due.end());
    }
  }
}

TEST(SessionQueues, KnowNothingOfASerialThatWasNeverGivenOut) {
  SessionQueues queues;
  EXPECT_EQ(queues.kernel_id(QueueSerial(0)), std::nullopt);
  const std::vector<abi::QueueSnapshotEntry> one{{.ring_base_address = 1, .queue_id = 5}};
  const auto changes = queues.apply(one);
  ASSERT_EQ(changes.born.size(), 1U);
  EXPECT_EQ(queues.kernel_id(QueueSerial(changes.born[0].serial.value() + 1)), std::nullopt);
  EXPECT_EQ(queues.kernel_id(changes.born[0].serial), std::optional(5U));
}

}  // namespace
}  // namespace gpreempt::kfd
