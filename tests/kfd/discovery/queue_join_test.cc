// mqds, hqds, rls and sysfs put together. Goal: each queue has its slots, its place on the runlist
// and its id; what does not fit is said. Method: texts as the driver prints them, of an invented
// machine.
#include "backends/kfd/discovery/queue_join.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/queue_warnings.h"
#include "core/event.h"
#include "core/ids.h"
#include "tests/kfd/discovery/saved_machine.h"

namespace gpreempt::kfd {
namespace {

constexpr std::uint32_t kInternalBytes = 4096;
constexpr std::uint32_t kUserBytes = 0x100000;

QueueSources sources_of(const std::vector<SavedProcess>& processes) {
  QueueSources sources;
  sources.mqds = debugfs::parse_mqds(saved_mqds(processes), "mqds").value();
  sources.hqds = debugfs::parse_hqds(saved_hqds(processes), "hqds").value();
  sources.rls = debugfs::parse_rls(saved_rls(processes), "rls").value();
  sources.driver.is_stock = true;
  return sources;
}

/// An internal queue, then one for copies, then a user's.
std::vector<SavedProcess> usual() {
  return {{.pid = 4711,
           .newest_first = {saved_compute(2, kUserBytes, 1), saved_sdma(1),
                            saved_compute(0, kInternalBytes, 0)}}};
}

TEST(QueueJoin, FindsIdRoleSlotsAndRunlistOfEachQueue) {
  const auto rows = join_queues(sources_of(usual()));
  ASSERT_EQ(rows.size(), 3U);
  const QueueRow& user = rows[0];
  EXPECT_EQ(user.pid, Pid(4711));
  EXPECT_EQ(user.name.id, 2U);
  EXPECT_EQ(user.name.basis, IdBasis::kInferred);
  EXPECT_EQ(user.gpu, GpuId(0xf7bc));
  EXPECT_EQ(user.role, QueueRole::kUser);
  EXPECT_EQ(user.ring_bytes, kUserBytes);
  EXPECT_EQ(user.mqd_bases.size(), 4U);
  EXPECT_EQ(user.doorbell_slot, 1U);
  EXPECT_EQ(user.pipe_priority, 1U);
  EXPECT_EQ(user.queue_priority, 7U);
  EXPECT_EQ(user.found.mapping, Mapping::kMapped);
  ASSERT_EQ(user.found.slots.size(), 4U);
  for (std::uint32_t xcc = 0; xcc < 4; ++xcc) {
    EXPECT_EQ(user.found.slots[xcc], (QueueSlot{.xcc = xcc, .pipe = 2, .queue = 2}));
  }
  EXPECT_EQ(user.on_runlist, OnRunlist::kOn);
  const QueueRow& sdma = rows[1];
  EXPECT_EQ(sdma.name.id, 1U);
  EXPECT_EQ(sdma.role, QueueRole::kSdma);
  EXPECT_FALSE(sdma.queue_priority);
  ASSERT_EQ(sdma.found.slots.size(), 1U);
  EXPECT_EQ(sdma.found.slots[0], (QueueSlot{.xcc = 1, .pipe = 0, .queue = 0}));
  EXPECT_EQ(sdma.on_runlist, OnRunlist::kOn);
  EXPECT_EQ(rows[2].role, QueueRole::kInternal);
  EXPECT_EQ(rows[2].name.id, 0U);
  EXPECT_TRUE(queue_warnings(rows, {}).empty());
}

TEST(QueueJoin, ShowsASuspendedQueueOffTheRunlistAndInNoSlot) {
  auto processes = usual();
  for (const std::size_t compute : {0U, 2U}) {
    processes[0].newest_first[compute].mapped_xccs = 0;
    processes[0].newest_first[compute].on_runlist = false;
  }
  const auto rows = join_queues(sources_of(processes));
  EXPECT_EQ(rows[0].found.mapping, Mapping::kUnmapped);
  EXPECT_EQ(rows[0].on_runlist, OnRunlist::kOff);
  EXPECT_EQ(rows[1].found.mapping, Mapping::kMapped);
  EXPECT_EQ(rows[1].on_runlist, OnRunlist::kOn);
  const auto warnings = queue_warnings(rows, {});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].text.find("its SDMA queue is not suspended"), std::string::npos);
}

TEST(QueueJoin, WarnsOfAQueueThatIsNotOnEveryXcc) {
  auto processes = usual();
  processes[0].newest_first[0].mapped_xccs = 3;
  const auto rows = join_queues(sources_of(processes));
  EXPECT_EQ(rows[0].found.mapping, Mapping::kPartial);
  const auto warnings = queue_warnings(rows, {});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].text.find("pid 4711, queue 2 on GPU f7bc: it is in 3 slots, and on 3 of 4"),
            std::string::npos)
      << warnings[0].text;
}

TEST(QueueJoin, DoesNotTakeASlotWithAnotherDoorbell) {
  const auto processes = usual();
  auto sources = sources_of(processes);
  auto other = processes;
  other[0].newest_first[0].compute.doorbell_dword += 2;
  sources.hqds = debugfs::parse_hqds(saved_hqds(other), "hqds").value();
  const auto rows = join_queues(sources);
  EXPECT_EQ(rows[0].found.mapping, Mapping::kUnmapped);
  EXPECT_NE(rows[0].found.problem.find("another doorbell"), std::string::npos);
}

TEST(QueueJoin, KnowsNothingOfSlotsOnAStoppedGpuOrWithoutTheFiles) {
  auto sources = sources_of(usual());
  sources.hqds = debugfs::parse_hqds("Node 2, gpu_id f7bc:\n Device is stopped\n", "hqds").value();
  sources.rls = std::nullopt;
  auto rows = join_queues(sources);
  EXPECT_EQ(rows[0].found.mapping, Mapping::kUnknown);
  EXPECT_NE(rows[0].found.problem.find("stopped"), std::string::npos);
  EXPECT_EQ(rows[0].on_runlist, OnRunlist::kUnknown);
  sources.hqds = std::nullopt;
  rows = join_queues(sources);
  EXPECT_EQ(rows[0].found.mapping, Mapping::kUnknown);
  EXPECT_EQ(rows[0].found.problem, "");
}

TEST(QueueJoin, DoesNotCallAMappedQueueOffWhileThereIsNoRunlist) {
  auto sources = sources_of(usual());
  sources.rls = debugfs::parse_rls("Node 2, gpu_id f7bc:\n  No active runlist\n", "rls").value();
  EXPECT_EQ(join_queues(sources)[0].on_runlist, OnRunlist::kUnknown);
  sources.hqds = debugfs::parse_hqds(saved_hqds({}), "hqds").value();
  EXPECT_EQ(join_queues(sources)[0].on_runlist, OnRunlist::kOff);
}

KfdProcess known_process() {
  return {.pid = Pid(4711),
          .gpus = {GpuId(0xf7bc)},
          .queues = {{.queue_id = 7,
                      .gpu_id = 0xf7bc,
                      .ring_size = kUserBytes,
                      .queue_type = abi::QueueKind::kComputeAql},
                     {.queue_id = 5,
                      .gpu_id = 0xf7bc,
                      .ring_size = kUserBytes,
                      .queue_type = abi::QueueKind::kSdma},
                     {.queue_id = 3,
                      .gpu_id = 0xf7bc,
                      .ring_size = kInternalBytes,
                      .queue_type = abi::QueueKind::kComputeAql}}};
}

TEST(QueueJoin, TakesIdsFromSysfsByKindAndSize) {
  auto sources = sources_of(usual());
  sources.processes = {known_process()};
  const auto rows = join_queues(sources);
  EXPECT_EQ(rows[0].name.id, 7U);
  EXPECT_EQ(rows[1].name.id, 5U);
  EXPECT_EQ(rows[2].name.id, 3U);
  EXPECT_EQ(rows[2].name.basis, IdBasis::kExact);
}

TEST(QueueJoin, TakesQueuesFromSysfsWhereDebugfsIsClosed) {
  QueueSources sources;
  sources.processes = {known_process()};
  const auto rows = join_queues(sources);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].name.id, 7U);
  EXPECT_EQ(rows[0].name.basis, IdBasis::kExact);
  EXPECT_EQ(rows[1].role, QueueRole::kSdma);
  EXPECT_FALSE(rows[0].queue_priority);
}

TEST(QueueJoin, NamesNoQueueOfAProcessThatSysfsHasNot) {
  auto sources = sources_of(usual());
  sources.processes = std::vector<KfdProcess>();
  EXPECT_FALSE(join_queues(sources)[0].name.id);
}

TEST(QueueWarnings, SayThatOnlyInternalQueuesWouldBeSuspended) {
  using enum QueueRole;
  const auto warn = [](std::vector<QueueRole> chosen, std::vector<QueueRole> all) {
    return warn_of_choice(Pid(4711), chosen, all);
  };
  EXPECT_EQ(warn({kInternal}, {kInternal, kUser, kUser, kSdma}),
            "only 1 internal queue of pid 4711 would be suspended: its kernels go on in 2 user "
            "queues; choose those, or all");
  EXPECT_EQ(warn({kInternal}, {kInternal}),
            "only 1 internal queue of pid 4711 would be suspended: it has no queue of its own yet");
  EXPECT_NE(warn({kSdma, kInternal}, {kInternal, kUser, kSdma}), std::nullopt);
  EXPECT_EQ(warn({kUser}, {kInternal, kUser}), std::nullopt);
  EXPECT_EQ(warn({}, {kInternal, kUser}), std::nullopt);
}

TEST(QueueWarnings, SayWhoHasNoQueueOfItsOwnAndWhoIsTraced) {
  QueueSources sources;
  KfdProcess process = known_process();
  process.queues.erase(process.queues.begin(), process.queues.begin() + 2);
  process.tracer = Pid(99);
  sources.processes = {process};
  const auto rows = join_queues(sources);
  const auto warnings = queue_warnings(rows, *sources.processes);
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_NE(warnings[0].text.find("only 1 internal queue of its runtime"), std::string::npos);
  EXPECT_NE(warnings[1].text.find("traced by thread 99"), std::string::npos);
}

}  // namespace
}  // namespace gpreempt::kfd
