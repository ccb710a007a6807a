// Busy or idle, from a ring alone. Goal: no ring with work is called idle, whenever firmware
// advances its read index; and idle is claimed only where the last packet shows it.
// Method: rings in this process's own memory, laid out as HSA's specification says.
#include "backends/kfd/activity.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/kfd/linux_os.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

std::uint64_t address_of(const void* object) { return reinterpret_cast<std::uintptr_t>(object); }

/// hsa_kernel_dispatch_packet_t, as far as it matters here.
struct Packet {
  std::array<std::uint64_t, 7> before_signal{};
  std::uint64_t completion_signal = 0;
};
static_assert(sizeof(Packet) == 64);

/// amd_signal_t.
struct AmdSignal {
  std::int64_t kind = 1;
  std::int64_t value = 1;
};

struct FakeRing {
  std::uint64_t read = 0;
  std::uint64_t write = 0;
  std::array<Packet, 4> packets;
  std::array<AmdSignal, 4> signals;

  [[nodiscard]] RingPlace place(bool is_aql = true) const {
    return {.read_pointer = address_of(&read),
            .write_pointer = address_of(&write),
            .ring_base = address_of(packets.data()),
            .ring_bytes = sizeof packets,
            .is_aql = is_aql};
  }
  /// A packet whose completion signal, if it has one, is not done.
  void submit(bool has_signal = true) {
    const std::size_t slot = write++ % packets.size();
    signals.at(slot).value = 1;
    packets.at(slot).completion_signal = has_signal ? address_of(&signals.at(slot)) : 0;
  }
  void finish_all() {
    read = write;
    for (AmdSignal& signal : signals) {
      signal.value = 0;
    }
  }
};

class ActivityTest : public ::testing::Test {
 protected:
  void watch(const RingPlace& place) { meter_.set_rings(std::vector{place}); }
  Activity look() { return meter_.poll(os_, Pid(::getpid())).value(); }

  LinuxOs os_;
  ActivityMeter meter_;
  FakeRing ring_;
};

TEST_F(ActivityTest, ProcessWithoutRingsIsIdle) { EXPECT_EQ(look(), Activity::kIdle); }

TEST_F(ActivityTest, RingThatWasNeverUsedIsIdleAtTheSecondLook) {
  watch(ring_.place());
  EXPECT_EQ(look(), Activity::kMaybeIdle);
  EXPECT_EQ(look(), Activity::kIdle);
}

TEST_F(ActivityTest, PacketsThatAreNotReadKeepItBusy) {
  watch(ring_.place());
  ring_.submit();
  EXPECT_EQ(look(), Activity::kBusy);
  EXPECT_EQ(look(), Activity::kBusy);
}

TEST_F(ActivityTest, LastPacketThatIsReadButNotDoneKeepsItBusy) {
  watch(ring_.place());
  ring_.submit();
  ring_.read = ring_.write;  // firmware that advances when a packet begins
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(look(), Activity::kBusy);
  }
  ring_.finish_all();
  EXPECT_EQ(look(), Activity::kIdle);
}

TEST_F(ActivityTest, IdleTakesTwoLooksAfterTheLastChange) {
  watch(ring_.place());
  ring_.submit();
  (void)look();
  ring_.finish_all();
  EXPECT_EQ(look(), Activity::kBusy);
  EXPECT_EQ(look(), Activity::kIdle);
}

TEST_F(ActivityTest, LastPacketWithoutASignalMayBeDoneOrNot) {
  watch(ring_.place());
  ring_.submit(false);
  ring_.finish_all();
  (void)look();
  EXPECT_EQ(look(), Activity::kMaybeIdle);
}

TEST_F(ActivityTest, SignalThatWasFreedMayBeDoneOrNot) {
  watch(ring_.place());
  ring_.submit();
  ring_.packets[0].completion_signal = 8;
  ring_.finish_all();
  (void)look();
  EXPECT_EQ(look(), Activity::kMaybeIdle);
}

TEST_F(ActivityTest, Pm4RingsHaveNoPacketsToLookAt) {
  watch(ring_.place(false));
  ring_.submit();
  ring_.finish_all();
  (void)look();
  EXPECT_EQ(look(), Activity::kMaybeIdle);
}

TEST_F(ActivityTest, LastPacketIsFoundAfterTheRingHasWrapped) {
  watch(ring_.place());
  for (int i = 0; i < 9; ++i) {
    ring_.submit();
    ring_.finish_all();
  }
  ring_.submit();
  ring_.read = ring_.write;
  (void)look();
  EXPECT_EQ(look(), Activity::kBusy);
  ring_.signals[1].value = 0;  // packet 9 of 4 slots
  EXPECT_EQ(look(), Activity::kIdle);
}

TEST_F(ActivityTest, OneBusyRingIsEnough) {
  FakeRing other;
  meter_.set_rings(std::vector{ring_.place(), other.place()});
  other.submit();
  (void)look();
  EXPECT_EQ(look(), Activity::kBusy);
  other.finish_all();
  (void)look();
  EXPECT_EQ(look(), Activity::kIdle);
}

TEST_F(ActivityTest, WhatIsKnownOfARingOutlivesAnotherOnesBirth) {
  watch(ring_.place());
  (void)look();
  FakeRing other;
  meter_.set_rings(std::vector{ring_.place(), other.place()});
  (void)look();
  EXPECT_EQ(look(), Activity::kIdle);
}

TEST_F(ActivityTest, MemoryThatIsGoneIsAnError) {
  RingPlace gone = ring_.place();
  gone.write_pointer = 8;
  watch(gone);
  EXPECT_EQ(meter_.poll(os_, Pid(::getpid())).error().number, EFAULT);
}

}  // namespace
}  // namespace gpreempt::kfd
