// Discovery on the virtual machine. Goal: the model's files show its processes and their queues as
// the driver's do; what the backend suspends, and nothing else, is seen to be off. Method: ids and
// states are the model's own, which the files do not have.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_activity.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_sources.h"
#include "backends/kfd/discovery/queue_warnings.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/vkfd/sim_os.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using kfd::KfdProcess;
using kfd::QueueRow;
using std::chrono::milliseconds;

/// ROCm's queues: an internal one, for copies, for users.
Program training_by_hip(std::uint32_t streams) {
  Program program = training(streams);
  program.runtime = Runtime::kHip;
  return program;
}

/// Who looks: another process than the controller.
class Looker {
 public:
  explicit Looker(Rig& rig) : os_(SimOs::open(rig.machine())) {}
  std::vector<QueueRow> rows() {
    const auto reading = kfd::read_queue_sources(*os_).value();
    EXPECT_EQ(reading.note, "");
    return kfd::join_queues(reading.sources);
  }
  std::vector<QueueRow> rows_of(Pid pid) {
    auto all = rows();
    std::erase_if(all, [&](const QueueRow& row) { return row.pid != pid; });
    return all;
  }
  kfd::Os& os() { return *os_; }

 private:
  std::shared_ptr<SimOs> os_;
};

void expect_event(Backend& backend, const std::function<bool(const Event&)>& is_it) {
  const Instant end = backend.now() + std::chrono::seconds(1);
  while (auto event = backend.next_event(end).value()) {
    if (is_it(*event)) {
      return;
    }
  }
  ADD_FAILURE() << "the event did not come";
}

TEST(DiscoveryOnTheModel, ListsItsProcessesWithEveryGpuThatTheySee) {
  ASSERT_TRUE(run([] {
    auto two = options();
    two.gpus = 2;
    Rig rig(two);
    const Pid pid = rig.system().launch(training(3)).value();
    const auto all = kfd::list_kfd_processes(rig.os()).value();
    const auto found = std::ranges::find(all, pid, &KfdProcess::pid);
    ASSERT_NE(found, all.end());
    EXPECT_EQ(found->name, "training");
    EXPECT_EQ(found->parent, Pid(1));
    EXPECT_EQ(found->ns_pids, std::vector{pid});
    EXPECT_EQ(found->tracer, Pid(0));
    EXPECT_EQ(found->container, "");
    EXPECT_EQ(found->queues.size(), 3U);
    // It has queues on one, and apertures of both.
    std::vector expected = {sim::gpu_id_of(0), sim::gpu_id_of(1)};
    std::ranges::sort(expected);
    EXPECT_EQ(found->gpus, expected);
  }));
}

TEST(DiscoveryOnTheModel, ProcessThatEndedIsNotListed) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid pid = rig.system().launch(training(1)).value();
    rig.system().exit(pid);
    const auto all = kfd::list_kfd_processes(rig.os()).value();
    EXPECT_EQ(std::ranges::find(all, pid, &KfdProcess::pid), all.end());
  }));
}

TEST(QueueJoinOnTheModel, NamesPlacesAndPrioritiesAreTheModels) {
  ASSERT_TRUE(run([] {
    Rig rig;
    Program urgent = training_by_hip(2);
    urgent.hardware_priority = 11;
    const Pid pid = rig.system().launch(urgent).value();
    (void)rig.system().launch(training_by_hip(1)).value();
    rig.system().start();
    Looker looker(rig);
    ASSERT_TRUE(looker.os().wait({}, looker.os().now() + milliseconds(5)));
    const auto rows = looker.rows_of(pid);
    const auto expected = rig.system().kfd().queues_of(pid);
    ASSERT_EQ(rows.size(), expected.size());
    ASSERT_GE(rows.size(), 4U);
    const std::uint32_t xccs = rig.system().options().gpu.xccs;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].name.id, expected[i].id) << rows[i].name.reason;
      EXPECT_EQ(rows[i].ring_bytes, expected[i].ring_bytes);
      EXPECT_EQ(rows[i].type, expected[i].type);
      EXPECT_EQ(rows[i].found.mapping, kfd::Mapping::kMapped);
      EXPECT_EQ(rows[i].found.problem, "");
      EXPECT_EQ(rows[i].on_runlist, kfd::OnRunlist::kOn);
      if (rows[i].type == QueueType::kCompute) {
        EXPECT_EQ(rows[i].queue_priority, expected[i].priority);
        EXPECT_EQ(rows[i].found.slots.size(), xccs);
      } else {
        EXPECT_EQ(rows[i].found.slots.size(), 1U);
      }
    }
    // HIP's first queue is ROCr's own.
    EXPECT_EQ(rows.back().role, QueueRole::kInternal);
    EXPECT_EQ(rows.front().role, QueueRole::kUser);
  }));
}

TEST(QueueJoinOnTheModel, NoIdIsInferredAfterAQueueWasDestroyed) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid pid = rig.system().launch(training(3)).value();
    rig.system().kfd().destroy_queue(pid, 0, [](long) {});
    ASSERT_TRUE(rig.os().wait({}, rig.os().now() + milliseconds(50)));
    ASSERT_TRUE(rig.system().create_queue(pid));  // has id and doorbell 0 again
    Looker looker(rig);
    const auto rows = looker.rows_of(pid);
    ASSERT_EQ(rows.size(), 3U);
    for (const QueueRow& row : rows) {
      EXPECT_FALSE(row.name.id);
      EXPECT_NE(row.name.reason.find("destroyed"), std::string::npos);
    }
  }));
}

TEST(QueueJoinOnTheModel, ExactlyTheSuspendedQueuesAreOff) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid offline = rig.system().launch(training_by_hip(2)).value();
    const Pid online = rig.system().launch(training_by_hip(1)).value();
    rig.system().start();
    auto backend = make_checked_backend(kfd::open_backend(rig.os(), {}).value());
    const TargetId target = backend->attach(offline, AttachMode::kControl).value();
    expect_event(*backend,
                 [](const Event& event) { return std::holds_alternative<AttachDone>(event.what); });
    ASSERT_TRUE(backend->next_event(backend->now() + milliseconds(50)));
    std::vector<QueueId> chosen;
    std::set<std::uint32_t> chosen_ids;
    std::size_t sdma = 0;
    for (const QueueInfo& queue : backend->queues(target)) {
      if (queue.type == QueueType::kCompute) {
        chosen.push_back(queue.id);
        chosen_ids.insert(queue.kernel_id);
      } else {
        ++sdma;
      }
    }
    ASSERT_GE(chosen.size(), 3U);
    ASSERT_GE(sdma, 1U);
    ASSERT_TRUE(backend->control(
        target, chosen, Suspend{.grace = std::nullopt, .lease = std::chrono::seconds(10)}));
    expect_event(*backend, [](const Event& event) {
      return std::holds_alternative<ControlDone>(event.what);
    });
    Looker looker(rig);
    ASSERT_TRUE(looker.os().wait({}, looker.os().now() + milliseconds(50)));
    const auto rows = looker.rows();
    for (const QueueRow& row : rows) {
      const bool is_off = row.pid == offline && chosen_ids.contains(row.name.id.value_or(1000));
      EXPECT_EQ(row.on_runlist, is_off ? kfd::OnRunlist::kOff : kfd::OnRunlist::kOn)
          << row.pid.value() << " " << row.name.id.value_or(1000);
      EXPECT_EQ(row.found.mapping, is_off ? kfd::Mapping::kUnmapped : kfd::Mapping::kMapped);
    }
    const auto of_offline = looker.rows_of(offline);
    EXPECT_EQ(of_offline.size(), chosen.size() + sdma);
    EXPECT_GE(looker.rows_of(online).size(), 3U);
    // Its SDMA queues go on, and it is traced by the controller: both are said.
    const auto processes = kfd::list_kfd_processes(looker.os()).value();
    const auto warnings = kfd::queue_warnings(rows, processes);
    ASSERT_EQ(warnings.size(), 2U);
    EXPECT_NE(warnings[0].text.find("SDMA"), std::string::npos);
    EXPECT_NE(warnings[1].text.find("is traced by thread"), std::string::npos);
    EXPECT_TRUE(backend->close());
  }));
}

TEST(QueueJoinOnTheModel, ActivityIsSeenInTheRings) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid busy = rig.system().launch(training(1)).value();
    const Pid idle = rig.system().launch(inference(0, milliseconds(1), 1)).value();
    rig.system().start();
    Looker looker(rig);
    ASSERT_TRUE(looker.os().wait({}, looker.os().now() + milliseconds(5)));
    const auto rows = looker.rows();
    const Instant before = looker.os().now();
    const auto found = kfd::measure_activity(looker.os(), rows).value();
    EXPECT_EQ(looker.os().now() - before, kfd::kActivityGap);
    ASSERT_EQ(found.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].pid == busy) {
        EXPECT_EQ(found[i], kfd::Activity::kBusy);
      } else if (rows[i].pid == idle) {
        EXPECT_NE(found[i], kfd::Activity::kBusy);
      }
    }
  }));
}

TEST(QueueJoinOnTheModel, SysfsIsEnoughForWhoIsNotRoot) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid pid = rig.system().launch(training_by_hip(1)).value();
    constexpr std::uint32_t kSomebody = 1000;
    const auto os = SimOs::open(rig.machine(), kSomebody);
    const auto reading = kfd::read_queue_sources(*os).value();
    EXPECT_NE(reading.note.find("Run as root"), std::string::npos) << reading.note;
    auto rows = kfd::join_queues(reading.sources);
    std::erase_if(rows, [&](const QueueRow& row) { return row.pid != pid; });
    const auto expected = rig.system().kfd().queues_of(pid);
    ASSERT_EQ(rows.size(), expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].name.id, expected[i].id);
      EXPECT_EQ(rows[i].found.mapping, kfd::Mapping::kUnknown);
    }
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
