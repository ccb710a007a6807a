// Goal: T-1 and T-6 read the kernel's log of the machine that they ran on, and T-6 this process's
// memory; on a model they say that there is none.
// Method: a log that a test writes, in the place of /dev/kmsg.
#include "cli/hardware_host.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "experiments/verdict.h"
#include "tests/kfd/safety/kmsg_box.h"

namespace gpreempt::cli {
namespace {

using experiments::Answer;

/// A machine whose process has so much memory, another amount at each look.
class HostBox final : public kfd::KmsgBox {
 public:
  std::string resident = "2048 kB";
  [[nodiscard]] kfd::SysResult<std::string> read_file(const std::string& path) override {
    if (path == "/proc/self/status") {
      return "Name:\tgpreempt\nVmRSS:\t    " + resident + "\nThreads:\t1\n";
    }
    return KmsgBox::read_file(path);
  }
};

constexpr const char* kLog = "/dev/kmsg";
constexpr const char* kOld = "3,5,90,-;amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!\n";

TEST(HostBooks, ALogWithoutNewTroubleIsMetWhateverItSaidBefore) {
  HostBox box;
  box.reads = {{kOld}};
  HostBooks books(&box, kLog);
  box.reads = {{"6,6,91,-;usb 1-1: new device\n"}};
  EXPECT_EQ(books.kernel_log().answer, Answer::kMet);
  EXPECT_EQ(box.opened, 0);
}

TEST(HostBooks, ALineOfTroubleIsMissedAndQuoted) {
  HostBox box;
  HostBooks books(&box, kLog);
  box.reads = {{"3,8,99,-;amdgpu: Failed to quiesce KFD\n"}};
  const experiments::Verdict verdict = books.kernel_log();
  EXPECT_EQ(verdict.answer, Answer::kMissed);
  EXPECT_NE(verdict.reason.find("Failed to quiesce KFD"), std::string::npos) << verdict.reason;
}

TEST(HostBooks, ALogThatIsNotToBeReadIsUnavailable) {
  HostBox box;
  HostBooks books(&box, "");
  const experiments::Verdict verdict = books.kernel_log();
  EXPECT_EQ(verdict.answer, Answer::kUnavailable);
  EXPECT_EQ(verdict.reason, "--kernel-log says that no log is read");
}

TEST(HostBooks, ACheckThatIsBrokenOffLeavesNoLogOpen) {
  HostBox box;
  {
    const HostBooks books(&box, kLog);
  }
  EXPECT_EQ(box.opened, 0);
}

TEST(HostBooks, ALogThatCannotBeReadIsUnavailableWithItsReason) {
  HostBox box;
  box.open_error = EPERM;
  HostBooks books(&box, kLog);
  const experiments::Verdict verdict = books.kernel_log();
  EXPECT_EQ(verdict.answer, Answer::kUnavailable);
  EXPECT_NE(verdict.reason.find("CAP_SYSLOG"), std::string::npos) << verdict.reason;
}

TEST(HostBooks, MemoryIsWhatTheProcessHasGrownBy) {
  HostBox box;
  const HostBooks books(&box, kLog);
  box.resident = "5120 kB";
  const experiments::Verdict verdict = books.memory();
  EXPECT_EQ(verdict.answer, Answer::kReported);
  ASSERT_GE(verdict.numbers.size(), 2U);
  EXPECT_EQ(verdict.numbers[0], (std::pair<std::string, double>("before_mb", 2)));
  EXPECT_EQ(verdict.numbers[1], (std::pair<std::string, double>("after_mb", 5)));
}

TEST(HostBooks, AModelHasNeither) {
  HostBooks books(nullptr, kLog);
  EXPECT_EQ(books.kernel_log().answer, Answer::kUnavailable);
  EXPECT_EQ(books.memory().answer, Answer::kUnavailable);
}

}  // namespace
}  // namespace gpreempt::cli
