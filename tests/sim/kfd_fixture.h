#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Ids = std::vector<std::uint32_t>;

inline std::uint32_t invalid(std::uint32_t id) { return id | KfdModel::kQueueInvalid; }
inline std::uint32_t failed(std::uint32_t id) { return id | KfdModel::kQueueError; }

/// Runs kernels of 900 us on the whole GPU for ever, once started.
inline Program endless(std::uint32_t queues) {
  return Program{
      .name = "endless",
      .offline = true,
      .queues = queues,
      .endless = true,
      .trains = {{{.count = 1, .duration = microseconds(900), .shape = small_workgroups(kFull)}}}};
}

/// Costs that can be told apart in a sum.
inline SystemOptions priced_system() {
  SystemOptions options = free_system();
  GpuParameters& gpu = options.gpu;
  gpu.save_bandwidth = 1e12;
  gpu.cu_bytes_per_clock = 64;
  gpu.xcc_bandwidth = 1e15;
  gpu.clock_hz = 1e12;
  gpu.cwsr_area_bytes = 1'000'000;
  gpu.system_bandwidth = 1e9;
  gpu.t_ioctl = microseconds(1);
  gpu.t_hiq = microseconds(10);
  gpu.t_stop = microseconds(3);
  gpu.t_fence = microseconds(2);
  gpu.t_build = microseconds(4);
  gpu.t_build_entry = microseconds(1);
  gpu.t_map = microseconds(100);
  gpu.t_map_process = microseconds(20);
  gpu.t_map_queue = microseconds(5);
  gpu.t_dequeue = microseconds(30);
  gpu.t_relaunch = microseconds(7);
  gpu.t_copyctx = microseconds(15);
  return options;
}

class KfdModelTest : public testing::Test {
 protected:
  explicit KfdModelTest(const SystemOptions& options = free_system()) : system(timeline, options) {}

  Pid launch(Program program) {
    Result<Pid> pid = system.launch(std::move(program));
    EXPECT_TRUE(pid.has_value());
    return *pid;
  }
  KfdModel& kfd() { return system.kfd(); }
  void settle() { timeline.run_until(timeline.now() + milliseconds(50)); }
  long enable(Pid target) {
    long result = kfd().seize(me, target);
    if (result == 0) {
      kfd().enable(me, target, KfdModel::kQueueNew, [] {}, [&](long answer) { result = answer; });
      settle();
    }
    return result;
  }
  long snapshot(Pid target, std::uint64_t clear, Ids* ids = nullptr) {
    long result = 1;
    kfd().snapshot(me, target, clear, KfdModel::kMaxIds, [&](long answer, const auto& entries) {
      result = answer;
      for (const KfdModel::QueueEntry& entry : entries) {
        if (ids != nullptr) {
          ids->push_back(entry.id);
        }
      }
    });
    settle();
    return result;
  }
  std::pair<long, Ids> control(bool suspends, Pid target, Ids ids,
                               std::optional<KfdModel::Caller> caller = std::nullopt) {
    std::pair<long, Ids> result{-1, {}};
    const KfdModel::IdsReply reply = [&](long answer, const Ids& after) {
      result = {answer, after};
    };
    if (suspends) {
      kfd().suspend(caller.value_or(me), target, std::move(ids), Duration::zero(), reply);
    } else {
      kfd().resume(caller.value_or(me), target, std::move(ids), reply);
    }
    settle();
    return result;
  }

  using Call = std::function<void(KfdModel::Reply)>;
  /// Makes a call and lets the world settle: what it returned and how long it took.
  std::pair<long, Duration> timed(const Call& call) {
    const Instant begin = timeline.now();
    std::pair<long, Duration> result{kNoAnswer, {}};
    call([&](long answer) { result = {answer, timeline.now() - begin}; });
    settle();
    return result;
  }
  long answer(const Call& call) { return timed(call).first; }
  /// A session whose queues may be suspended.
  void attach(Pid target) {
    ASSERT_EQ(enable(target), 0);
    ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  }
  /// A process that only calls the driver: no program.
  Pid bare(std::int32_t number, std::optional<std::vector<std::uint32_t>> visible = std::nullopt) {
    kfd().add_process(Pid(number), std::move(visible));
    return Pid(number);
  }
  long create(Pid pid, std::uint32_t gpu, QueueType type = QueueType::kCompute) {
    return answer([&](KfdModel::Reply reply) {
      kfd().create_queue(pid, {.gpu = gpu, .type = type, .ring_bytes = 4096}, std::move(reply));
    });
  }
  long destroy(Pid pid, std::uint32_t id) {
    return answer([&](KfdModel::Reply reply) { kfd().destroy_queue(pid, id, std::move(reply)); });
  }
  long update(Pid pid, std::uint32_t id, KfdModel::QueueUpdate what) {
    return answer(
        [&](KfdModel::Reply reply) { kfd().update_queue(pid, id, what, std::move(reply)); });
  }

  static constexpr long kNoAnswer = 12345;
  PlainTimeline timeline;
  System system;
  KfdModel::Caller me{.process = system.add_controller(), .thread = 7};
};

class PricedKfdModelTest : public KfdModelTest {
 protected:
  PricedKfdModelTest() : KfdModelTest(priced_system()) {}
};

}  // namespace gpreempt::sim
