// Goal: a line that says that a GPU has failed is never overlooked, what is no such line is not
// taken for one, and a log that cannot be read is told loudly. Method: lines as Linux 6.12's amdgpu
// and printk write them; files in the place of /dev/kmsg.
#include "backends/kfd/safety/kernel_log.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>

#include "core/error.h"
#include "tests/kfd/safety/kmsg_box.h"

namespace gpreempt::kfd {
namespace {

TEST(KernelRecord, HasItsPartsAndNoMoreThanItsFirstLine) {
  // Documentation/ABI/testing/dev-kmsg, with the dictionary that follows a device's line.
  const auto record = parse_kernel_record(
      "3,1032,5140900,-;amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!\n SUBSYSTEM=pci\n "
      "DEVICE=+pci:0000:1a:00.0\n");
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(record->level, 3);
  EXPECT_EQ(record->sequence, 1032U);
  EXPECT_EQ(record->since_boot, std::chrono::microseconds(5'140'900));
  EXPECT_EQ(record->text, "amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!");
}

TEST(KernelRecord, FacilityAndFurtherFieldsAreLeftOut) {
  // Facility 1 (user) times 8 and level 6; CONFIG_PRINTK_CALLER adds a field.
  const auto record = parse_kernel_record("14,7,12,-,caller=T1;text; with a semicolon\n");
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(record->level, 6);
  EXPECT_EQ(record->text, "text; with a semicolon");
}

TEST(KernelRecord, WhatIsNoneIsRefusedAndQuotedWithoutItsControlCharacters) {
  for (const char* text : {"", "3,1,2,-", "x,1,2,-;a", "3,,2,-;a", "3,1,-;a", "-3,1,2,-;a"}) {
    const auto record = parse_kernel_record(text);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().code, Errc::kParse);
  }
  const auto bad = parse_kernel_record("\x1b[2J;x\n");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().what.find("\"?[2J;x\""), std::string::npos) << bad.error().what;
}

TEST(KernelTrouble, FailuresOfTheGpuTheDriverAndTheKernelAreTrouble) {
  for (const char* text :
       {"amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!",
        "amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!. Source:  3",
        "amdgpu 0000:1a:00.0: amdgpu: GPU reset(2) succeeded!",
        "amdgpu 0000:1a:00.0: amdgpu: MODE1 reset", "[drm] VRAM is lost due to GPU reset!",
        "amdgpu: HIQ MQD's queue_doorbell_id0 is not 0, Queue preemption time out",
        "amdgpu 0000:1a:00.0: amdgpu: The cp might be in an unrecoverable state due to an "
        "unsuccessful queues preemption",
        "amdgpu: qcm fence wait loop timeout expired",
        "amdgpu 0000:0f:00.0: amdgpu: Queue preemption failed for queue with doorbell_id: 80030008",
        "amdgpu 0000:1a:00.0: amdgpu: Failed to evict process queues",
        "amdgpu: Failed to quiesce KFD",
        "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring comp_1.0.0 timeout, signaled seq=4",
        "amdgpu 0000:1a:00.0: amdgpu: {7} socket: 0, die: 0, 1 new uncorrectable hardware errors "
        "detected in umc block",
        "amdgpu 0000:1a:00.0: {1}uncorrectable hardware error(ERREVENT_ATHUB_INTERRUPT) detected!",
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [python3:4711]",
        "Oops: 0002 [#1] PREEMPT SMP NOPTI"}) {
    EXPECT_TRUE(is_trouble(text)) << text;
  }
}

TEST(KernelTrouble, WhatOthersDoAndOldCountsAreNone) {
  for (const char* text :
       {"amdgpu 0000:1a:00.0: amdgpu: [gfxhub0] page fault (src_id:0 ring:24 vmid:8 pasid:32770)",
        "amdgpu: Runlist is getting oversubscribed due to too many queues. Expect reduced ROCm "
        "performance.",
        "amdgpu 0000:1a:00.0: amdgpu: no uncorrectable hardware errors detected in umc block",
        // Printed whenever somebody reads the counts, with those of last week.
        "amdgpu 0000:1a:00.0: amdgpu: {7} socket: 0, die: 0, 3 uncorrectable hardware errors "
        "detected in total in umc block",
        "amdgpu 0000:1a:00.0: amdgpu: 5 new correctable hardware errors detected in umc block",
        "usb 1-1: reset high-speed USB device number 2 using xhci_hcd",
        "systemd[1]: Reset failed state of units", "nvme nvme0: I/O timeout, reset controller",
        "ring buffer timeout", "debug: all is well", ""}) {
    EXPECT_FALSE(is_trouble(text)) << text;
  }
}

constexpr const char* kResetLine = "3,5,90,-;amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!\n";
constexpr const char* kOtherLine = "6,6,91,-;usb 1-1: new device\n";

TEST(KernelLog, TellsOldTroubleFromNew) {
  KmsgBox box;
  box.reads = {{kOtherLine}, {kResetLine}};
  const auto log = KernelLog::open(box, "/dev/kmsg");
  ASSERT_TRUE(log) << log.error().what;
  ASSERT_EQ((*log)->history().size(), 1U);
  EXPECT_EQ((*log)->history().front().sequence, 5U);
  EXPECT_TRUE((*log)->take().value().empty());
  box.reads = {{kOtherLine}, {"3,8,99,-;amdgpu: Failed to quiesce KFD\n"}};
  const auto news = (*log)->take();
  ASSERT_TRUE(news) << news.error().what;
  ASSERT_EQ(news->size(), 1U);
  EXPECT_EQ(news->front().text, "amdgpu: Failed to quiesce KFD");
  (*log)->close();
  EXPECT_EQ(box.opened, 0);
}

TEST(KernelLog, LinesThatGoUnreadAreAnErrorButNotThoseOfBefore) {
  KmsgBox box;
  box.reads = {{"", EPIPE}, {kOtherLine}};
  const auto log = KernelLog::open(box, "/dev/kmsg");
  ASSERT_TRUE(log) << log.error().what;
  box.reads = {{"", EPIPE}, {kOtherLine}};
  const auto news = (*log)->take();
  ASSERT_FALSE(news);
  EXPECT_EQ(news.error().code, Errc::kIo);
  EXPECT_NE(news.error().what.find("lines went before they were read"), std::string::npos);
  (*log)->close();
}

TEST(KernelLog, ThatCannotBeReadIsAnErrorThatNamesTheRemedy) {
  struct Case {
    int error;
    bool on_read;
    Errc code;
    const char* remedy;
  };
  for (const Case& each : {Case{EPERM, false, Errc::kNotPermitted, "CAP_SYSLOG"},
                           Case{EPERM, true, Errc::kNotPermitted, "CAP_SYSLOG"},
                           Case{EACCES, false, Errc::kNotPermitted, "run as root"},
                           Case{ENOENT, false, Errc::kNoSuchDevice, "--device /dev/kmsg"},
                           Case{EIO, true, Errc::kIo, "dmesg"}}) {
    KmsgBox box;
    if (each.on_read) {
      box.reads = {{"", each.error}};
    } else {
      box.open_error = each.error;
    }
    const auto log = KernelLog::open(box, "/dev/kmsg");
    ASSERT_FALSE(log) << each.error;
    EXPECT_EQ(log.error().code, each.code) << each.error;
    EXPECT_NE(log.error().what.find(each.remedy), std::string::npos) << log.error().what;
    EXPECT_NE(log.error().what.find("--kernel-log none"), std::string::npos) << log.error().what;
    EXPECT_EQ(box.opened, 0) << each.error;
  }
}

TEST(KernelLog, FormatThatIsNotKnownIsAnError) {
  KmsgBox box;
  box.reads = {{"[    5.140900] usb 1-1: a line as dmesg shows it\n"}};
  const auto log = KernelLog::open(box, "/dev/kmsg");
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Errc::kParse) << log.error().what;
  EXPECT_EQ(box.opened, 0);
}

}  // namespace
}  // namespace gpreempt::kfd
