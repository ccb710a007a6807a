// Holding who was meant. Goal: a pid that is given to another process while it is looked for is not
// taken for the first one. Method: a machine in memory that changes when a descriptor of the
// process is opened.
#include "backends/kfd/discovery/stable_process.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/fake_box.h"

namespace gpreempt::kfd {
namespace {

/// "stat" with a name that looks like its other fields.
std::string stat_of(const std::string& started) {
  return "4711 (a) R 1 (b) S 4700 4711 4711 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 " + started +
         " 1000 100\n";
}

class ReusingBox final : public FakeBox {
 public:
  ReusingBox() {
    put("/proc/4711/stat", stat_of("5000"));
    put("/proc/4711/cmdline", std::string("python3\0train.py\0", 17));
  }
  [[nodiscard]] SysResult<Fd> open_pidfd(Pid /*pid*/) override {
    if (error != 0) {
      return sys_fail(error);
    }
    if (meanwhile) {
      meanwhile();
    }
    held.insert(kFirst + static_cast<Fd>(held.size()));
    return *held.rbegin();
  }
  void close(Fd fd) override { held.erase(fd); }

  std::function<void()> meanwhile;
  std::set<Fd> held;
  int error = 0;

 private:
  static constexpr Fd kFirst = 500;
};

Result<std::vector<StableProcess>> hold(ReusingBox& box, std::string_view selector) {
  return hold_targets(box, parse_target(selector).value());
}

TEST(HoldTargets, GivesTheProcessAndItsDescriptorUntilItIsLetGo) {
  ReusingBox box;
  {
    const auto held = hold(box, "4711").value();
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].pid(), Pid(4711));
    EXPECT_TRUE(box.held.contains(held[0].pidfd()));
  }
  EXPECT_TRUE(box.held.empty());
}

TEST(HoldTargets, LeavesOutWhoIsAnotherProcessNow) {
  const std::vector<std::function<void(ReusingBox&)>> changes = {
      [](ReusingBox& box) { box.put("/proc/4711/stat", stat_of("5001")); },
      [](ReusingBox& box) { box.remove("/sys/class/kfd/kfd/proc/4711"); },
      [](ReusingBox& box) { box.put("/proc/4711/cmdline", std::string("bash\0", 5)); },
  };
  for (const auto& change : changes) {
    ReusingBox box;
    box.put("/proc/4711/comm", "train\n");
    box.put("/proc/88/cmdline", std::string("python3\0serve.py\0", 17));
    box.put("/proc/88/stat", stat_of("7"));
    box.meanwhile = [&] { change(box); };
    const auto held = hold(box, "command:python3").value();
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].pid(), Pid(88));
    EXPECT_EQ(box.held.size(), 1U);  // the other's descriptor is closed
  }
}

TEST(HoldTargets, SaysThatNobodyIsLeft) {
  ReusingBox box;
  box.error = ESRCH;
  EXPECT_EQ(hold(box, "4711").error().code, Errc::kProcessExited);
  box.error = 0;
  box.meanwhile = [&] { box.put("/proc/4711/stat", stat_of("5001")); };
  EXPECT_EQ(hold(box, "4711").error().code, Errc::kProcessExited);
  EXPECT_TRUE(box.held.empty());
}

TEST(HoldTargets, PassesOnWhatTheSystemRefuses) {
  ReusingBox box;
  box.error = EMFILE;
  const auto refused = hold(box, "4711");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kIo);
  EXPECT_EQ(refused.error().sys_errno, EMFILE);
}

}  // namespace
}  // namespace gpreempt::kfd
