// Reading the sources of discovery. Goal: what cannot be read is one note with its fix, what cannot
// be understood is an error with its place, what changes meanwhile is noticed. Method: a machine in
// memory.
#include "backends/kfd/discovery/queue_sources.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/discovery/driver_knowledge.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/discovery/saved_machine.h"
#include "tests/kfd/fake_box.h"

namespace gpreempt::kfd {
namespace {

const std::string kDebugfs = "/sys/kernel/debug/kfd/";

void put_queue(FakeBox& box, const std::string& id, const std::string& bytes) {
  box.put(FakeBox::kQueues + "4711/queues/" + id + "/gpuid", "63420");
  box.put(FakeBox::kQueues + "4711/queues/" + id + "/size", bytes);
  box.put(FakeBox::kQueues + "4711/queues/" + id + "/type", "0");
}

class ReadQueueSources : public ::testing::Test {
 protected:
  ReadQueueSources() { fill(box_); }
  static void fill(FakeBox& box) {
    const std::vector<SavedProcess> processes = {
        {.pid = 4711, .newest_first = {saved_compute(1, 0x100000, 1), saved_compute(0, 4096, 0)}}};
    box.put(kDebugfs + "mqds", saved_mqds(processes));
    box.put(kDebugfs + "hqds", saved_hqds(processes));
    box.put(kDebugfs + "rls", saved_rls(processes));
    put_queue(box, "0", "4096");
    put_queue(box, "1", "1048576");
  }

  FakeBox box_;
};

TEST_F(ReadQueueSources, TakesAllOfThem) {
  const QueueReading reading = read_queue_sources(box_).value();
  EXPECT_EQ(reading.note, "");
  EXPECT_TRUE(reading.sources.driver.is_stock) << reading.sources.driver.reason;
  EXPECT_TRUE(reading.sources.unsettled.empty());
  EXPECT_EQ(join_queues(reading.sources).size(), 2U);
}

TEST_F(ReadQueueSources, NotesThatDebugfsIsRoots) {
  for (const std::string name : {"mqds", "hqds", "rls"}) {
    box_.fail(kDebugfs + name, EACCES);
  }
  const QueueReading reading = read_queue_sources(box_).value();
  EXPECT_EQ(reading.note,
            "read /sys/kernel/debug/kfd/{mqds, hqds, rls}: Permission denied; slots, runlist, "
            "priorities and activity are not shown. Run as root of the machine: debugfs is root's "
            "alone");
  EXPECT_EQ(join_queues(reading.sources).size(), 2U);
}

TEST_F(ReadQueueSources, NotesWhichFilesASavedTreeLacks) {
  box_.remove(kDebugfs + "rls");
  const QueueReading reading = read_queue_sources(box_).value();
  EXPECT_NE(reading.note.find("kfd/{rls}: there is no such file"), std::string::npos);
  EXPECT_NE(reading.note.find("save these files"), std::string::npos);
  EXPECT_FALSE(reading.sources.rls);
}

TEST_F(ReadQueueSources, RefusesWhatNoKernelPrints) {
  box_.put(kDebugfs + "hqds", "Inst 0, Pipe 1\n");
  const auto refused = read_queue_sources(box_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kParse);
  EXPECT_TRUE(refused.error().what.starts_with("/sys/kernel/debug/kfd/hqds:1:1: "))
      << refused.error().what;
}

TEST_F(ReadQueueSources, NeedsADriverOrItsDebugfs) {
  box_.remove("/sys/class/kfd");
  const QueueReading reading = read_queue_sources(box_).value();
  EXPECT_FALSE(reading.sources.processes);
  EXPECT_EQ(join_queues(reading.sources).size(), 2U);
  box_.remove(kDebugfs + "mqds");
  const auto none = read_queue_sources(box_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kNoSuchDevice);
}

/// A queue more is there once mqds has been read.
class GrowingBox final : public FakeBox {
 public:
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override {
    auto text = FakeBox::read_file(path);
    if (path == kDebugfs + "mqds") {
      put_queue(*this, "2", "1048576");
    }
    return text;
  }
};

TEST(ReadQueueSourcesOfALivingProcess, NoticesWhoseQueuesChangeMeanwhile) {
  GrowingBox box;
  const std::vector<SavedProcess> processes = {
      {.pid = 4711, .newest_first = {saved_compute(0, 4096, 0)}}};
  box.put(kDebugfs + "mqds", saved_mqds(processes));
  box.remove(FakeBox::kQueues + "4711/queues/1");
  put_queue(box, "0", "4096");
  const QueueReading reading = read_queue_sources(box).value();
  EXPECT_TRUE(reading.sources.unsettled.contains(Pid(4711)));
  EXPECT_FALSE(join_queues(reading.sources)[0].name.id);
}

TEST(KnowDriver, TakesReleasedDriversAndNoOthers) {
  FakeBox box;
  EXPECT_TRUE(know_driver(box).is_stock);
  box.put("/sys/module/amdgpu/version", "6.12.12-preempt\n");
  EXPECT_FALSE(know_driver(box).is_stock);
  EXPECT_NE(know_driver(box).reason.find("6.12.12-preempt"), std::string::npos);
  box.remove("/sys/module/amdgpu/version");
  box.put("/sys/module/amdgpu/taint", "\n");
  box.put("/proc/sys/kernel/osrelease", "6.12.95\n");
  EXPECT_TRUE(know_driver(box).is_stock);
  box.put("/sys/kernel/debug/kfd/scheduler_stats", "");
  EXPECT_FALSE(know_driver(box).is_stock);
  box.remove("/sys/kernel/debug/kfd/scheduler_stats");
  box.remove("/proc/sys/kernel/osrelease");
  EXPECT_FALSE(know_driver(box).is_stock);
}

}  // namespace
}  // namespace gpreempt::kfd
