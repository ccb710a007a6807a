// Goal: the virtual machine's debugfs says what its driver does, in amdkfd's words. Method: the
// texts are read back and compared with the model; suspending takes a queue out of hqds and rls.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/os.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

namespace debugfs = kfd::debugfs;

/// A machine on which a training job of two user queues runs, and who reads its debugfs.
class Reader : public Rig {
 public:
  explicit Reader(std::string_view personality = "dkms-6.12.12")
      : Rig(options(personality)), job(system().launch(training(2)).value()) {
    system().start();
    pass(std::chrono::milliseconds(5));
  }

  void pass(Duration time) { EXPECT_TRUE(os().wait({}, os().now() + time)); }

  debugfs::MqdsDump mqds() { return debugfs::parse_mqds(text("mqds"), "mqds").value(); }
  debugfs::HqdsDump hqds() { return debugfs::parse_hqds(text("hqds"), "hqds").value(); }
  debugfs::RlsDump rls() { return debugfs::parse_rls(text("rls"), "rls").value(); }
  std::string text(std::string_view name) {
    return os().read_file("/sys/kernel/debug/kfd/" + std::string(name)).value();
  }

  /// MQD addresses of the first XCC, of all queues of the job.
  std::set<std::uint64_t> listed() {
    std::set<std::uint64_t> found;
    for (const debugfs::MqdsProcess& process : mqds()) {
      for (const debugfs::MqdsQueue& queue : process.queues) {
        found.insert(debugfs::state_of(queue.mqd(0)).mqd_base());
      }
    }
    return found;
  }
  /// Of those in an active slot of XCC 0.
  std::set<std::uint64_t> in_slots() {
    std::set<std::uint64_t> found;
    const debugfs::HqdsDump dump = hqds();
    for (const debugfs::HqdSlot& slot : dump.slots) {
      if (slot.kind == debugfs::HqdKind::kCp && slot.instance == 0 && dump.is_active(slot)) {
        found.insert(dump.state_of(slot).mqd_base());
      }
    }
    return found;
  }
  /// Of those on the runlist.
  std::set<std::uint64_t> on_runlist() {
    std::set<std::uint64_t> found;
    for (const debugfs::RlsNode& node : rls()) {
      for (const debugfs::Packet& packet : node.packets) {
        if (!packet.is_process()) {
          found.insert(packet.mqd_address());
        }
      }
    }
    return found;
  }
  /// Suspends or resumes a queue as a debugger, all at once for the test.
  void control(std::uint32_t id, bool suspends) {
    const sim::KfdModel::Caller me{.process = os().pid(), .thread = os().self()};
    sim::KfdModel& driver = system().kfd();
    const auto ignore = [](long, const auto&) {};
    if (suspends) {
      EXPECT_EQ(driver.seize(me, job), 0);
      driver.enable(me, job, 0, [] {}, [](long) {});
      pass(std::chrono::milliseconds(20));
      driver.snapshot(me, job, sim::KfdModel::kQueueNew, 16, ignore);
      pass(std::chrono::milliseconds(1));
      driver.suspend(me, job, {id}, Duration(1), ignore);  // too short to drain in
    } else {
      driver.resume(me, job, {id}, ignore);
    }
    pass(std::chrono::milliseconds(50));
  }

  Pid job;
};

void with_reader(const std::function<void(Reader&)>& body) {
  ASSERT_TRUE(run([&] {
    Reader reader;
    body(reader);
  }));
}

TEST(VirtualDebugfs, MqdsListsTheQueuesOfTheModelNewestFirst) {
  with_reader([](Reader& r) {
    const auto expected = r.system().kfd().queues_of(r.job);
    ASSERT_GE(expected.size(), 2U);
    const debugfs::MqdsDump dump = r.mqds();
    const auto process = std::ranges::find(dump, static_cast<std::uint32_t>(r.job.value()),
                                           &debugfs::MqdsProcess::pid);
    ASSERT_NE(process, dump.end());
    ASSERT_EQ(process->queues.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const debugfs::MqdsQueue& queue = process->queues[i];
      ASSERT_EQ(queue.owned(), r.system().options().gpu.xccs);
      const debugfs::QueueState state = debugfs::state_of(queue.mqd(0));
      EXPECT_EQ(state.ring_base(), sim::KfdModel::ring_base_of(expected[i].serial));
      EXPECT_EQ(state.ring_bytes(), expected[i].ring_bytes);
      EXPECT_EQ(state.queue_priority(), expected[i].priority);
      EXPECT_EQ(debugfs::doorbell_slot(state.doorbell_dword()), expected[i].id);
      EXPECT_EQ(state.save_area_bytes(), r.system().options().gpu.cwsr_area_bytes);
    }
  });
}

TEST(VirtualDebugfs, MappedQueueHasAnActiveSlotOnEveryXcc) {
  with_reader([](Reader& r) {
    const debugfs::HqdsDump dump = r.hqds();
    const auto queues = r.system().kfd().queues_of(r.job);
    for (const sim::KfdModel::ListedQueue& queue : queues) {
      std::set<std::uint32_t> xccs;
      for (const debugfs::HqdSlot& slot : dump.slots) {
        if (slot.kind == debugfs::HqdKind::kCp && dump.is_active(slot) &&
            dump.state_of(slot).ring_base() == sim::KfdModel::ring_base_of(queue.serial)) {
          xccs.insert(slot.instance);
          EXPECT_TRUE(dump.state_of(slot).doorbell_enabled());
          EXPECT_EQ(debugfs::doorbell_slot(dump.state_of(slot).doorbell_dword()), queue.id);
        }
      }
      EXPECT_EQ(xccs.size(), r.system().options().gpu.xccs);
    }
  });
}

TEST(VirtualDebugfs, HqdsHasEverySlotThatTheDriverOwns) {
  with_reader([](Reader& r) {
    const debugfs::HqdsDump dump = r.hqds();
    const auto count = [&](debugfs::HqdKind kind) {
      return static_cast<std::uint32_t>(
          std::ranges::count(dump.slots, kind, &debugfs::HqdSlot::kind));
    };
    const std::uint32_t xccs = r.system().options().gpu.xccs;
    EXPECT_EQ(count(debugfs::HqdKind::kHiq), xccs);
    EXPECT_EQ(count(debugfs::HqdKind::kCp), xccs * 24);  // 4 pipes, queues 2..7
    EXPECT_EQ(count(debugfs::HqdKind::kSdma), 16U);
    EXPECT_EQ(dump.nodes.at(0).gpu_id, sim::gpu_id_of(0).value());
  });
}

TEST(VirtualDebugfs, AllThreeFilesNameTheSameQueues) {
  with_reader([](Reader& r) {
    EXPECT_FALSE(r.listed().empty());
    EXPECT_EQ(r.in_slots(), r.listed());
    EXPECT_EQ(r.on_runlist(), r.listed());
  });
}

TEST(VirtualDebugfs, SuspendedQueueIsOnlyInMqds) {
  with_reader([](Reader& r) {
    const std::set<std::uint64_t> all = r.listed();
    const auto queues = r.system().kfd().queues_of(r.job);
    const auto busy = std::ranges::find_if(queues, [&](const auto& queue) {
      return r.system().gpu(0).waves().has_work(queue.hardware);
    });
    ASSERT_NE(busy, queues.end());
    r.control(busy->id, true);
    EXPECT_EQ(r.listed(), all);
    EXPECT_EQ(r.in_slots().size(), all.size() - 1);
    EXPECT_EQ(r.on_runlist(), r.in_slots());
    const debugfs::Packet process = r.rls().at(0).packets.at(0);
    EXPECT_EQ(process.get("num_queues"), all.size());  // all that were created
    const debugfs::MqdsDump dump = r.mqds();
    const auto& listed = dump.at(0).queues.at(static_cast<std::size_t>(busy - queues.begin()));
    std::uint64_t saved = 0;
    for (std::size_t xcc = 0; xcc < listed.owned(); ++xcc) {
      const debugfs::QueueState state = debugfs::state_of(listed.mqd(xcc));
      EXPECT_GT(state.control_stack_size(), state.control_stack_offset());
      saved += state.wave_state_offset() - state.control_stack_size();
    }
    EXPECT_EQ(saved, r.system().gpu(0).waves().saved_bytes(busy->hardware));
    EXPECT_GT(saved, 0U);

    r.control(busy->id, false);
    EXPECT_EQ(r.in_slots(), all);
    EXPECT_EQ(r.on_runlist(), all);
  });
}

TEST(VirtualDebugfs, MachineWithoutQueuesHasNoRunlist) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const auto text = rig.os().read_file("/sys/kernel/debug/kfd/rls").value();
    EXPECT_FALSE(debugfs::parse_rls(text, "rls").value().at(0).is_active);
    EXPECT_EQ(rig.os().read_file("/sys/kernel/debug/kfd/mqds").value(), "");
  }));
}

TEST(VirtualDebugfs, SdmaQueueIsInItsEngine) {
  with_reader([](Reader& r) {
    r.system().kfd().create_queue(r.job, {.type = QueueType::kSdma, .ring_bytes = 1U << 20U},
                                  [](long result) { EXPECT_GE(result, 0); });
    r.pass(std::chrono::milliseconds(50));
    const debugfs::MqdsQueue newest = r.mqds().at(0).queues.at(0);
    ASSERT_EQ(newest.kind, debugfs::MqdKind::kSdma);
    const debugfs::SdmaQueueState state(newest.sdma_mqd());
    EXPECT_EQ(state.ring_bytes(), 1U << 20U);
    const debugfs::HqdsDump dump = r.hqds();
    const auto slot = std::ranges::find_if(dump.slots, [&](const debugfs::HqdSlot& each) {
      return each.kind == debugfs::HqdKind::kSdma && dump.is_active(each);
    });
    ASSERT_NE(slot, dump.slots.end());
    EXPECT_EQ(slot->instance, state.engine());
    EXPECT_EQ(slot->queue, state.rlc());
  });
}

TEST(VirtualDebugfs, PasidIsAsTheDriverPrintsIt) {
  for (const std::string_view name : {"upstream-6.12.107", "dkms-6.12.12"}) {
    ASSERT_TRUE(run([&] {
      Reader r(name);
      const bool is_old = name.starts_with("upstream");
      EXPECT_EQ(r.mqds().at(0).pasid_is_hex, is_old);
      EXPECT_EQ(r.mqds().at(0).pasid == r.mqds().at(0).pid, !is_old);
    }));
  }
}

TEST(VirtualDebugfs, IsForRootOnly) {
  with_reader([](Reader& r) {
    const auto user = SimOs::open(r.machine(), 1000);
    EXPECT_EQ(user->read_file("/sys/kernel/debug/kfd/hqds").error().number, EACCES);
    EXPECT_EQ(user->list_dir("/sys/kernel/debug/kfd").error().number, EACCES);
    EXPECT_EQ(user->open("/sys/kernel/debug/kfd/rls", kfd::OpenMode::kRead).error().number, EACCES);
    EXPECT_EQ(r.os().list_dir("/sys/kernel/debug/kfd").value(),
              (std::vector<std::string>{"hqds", "mqds", "rls"}));
    user->kill();
  });
}

}  // namespace
}  // namespace gpreempt::vkfd
