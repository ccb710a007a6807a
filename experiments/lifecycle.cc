#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <variant>
#include <vector>

#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/hardware_view.h"
#include "experiments/lifecycle_rule.h"
#include "experiments/programs.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// When to look, in units from the model's start: the instants of the first experiments, in seconds.
constexpr int kBefore = -10;
constexpr std::array<int, 10> kAlive = {5, 10, 20, 30, 40, 50, 60, 70, 80, 90};
constexpr int kEnd = 100;
constexpr std::array<int, 2> kAfter = {105, 110};

Program lively(const GpuInfo& gpu) {
  Program program = endless("model", gpu, 0.25, milliseconds(1));
  program.runtime = Runtime::kHip;
  program.queues = 4;
  return program;
}

/// Follows one process from before its start until after its end.
class Life {
 public:
  Life(Session& session, Duration unit) : session_(session), unit_(unit) {
    life_.xccs = session.backend().info().gpus.front().xccs;
  }

  Result<LifeEvidence> follow() {
    start_ = session_.backend().now() - kBefore * unit_;
    GPREEMPT_TRY(look(LifeStage::kBefore));
    GPREEMPT_TRY(session_.serve_until(start_));
    GPREEMPT_TRY(begin());
    for (const int at : kAlive) {
      GPREEMPT_TRY(session_.serve_until(start_ + at * unit_));
      GPREEMPT_TRY(look(LifeStage::kAlive));
    }
    GPREEMPT_TRY(session_.serve_until(start_ + kEnd * unit_));
    GPREEMPT_TRY(end());
    for (const int at : kAfter) {
      GPREEMPT_TRY(session_.serve_until(start_ + at * unit_));
      GPREEMPT_TRY(look(LifeStage::kGone));
    }
    return life_;
  }

 private:
  Result<void> begin() {
    Pid pid;
    GPREEMPT_TRY(store(pid, session_.run(lively(session_.backend().info().gpus.front()))));
    GPREEMPT_TRY(store(process_, session_.follow(pid, AttachMode::kObserve)));
    life_.identified = session_.backend().now() - start_;
    life_.first = session_.backend().queues(process_.id);
    return {};
  }

  Result<void> end() {
    const Instant asked = session_.backend().now();
    session_.testbed().exit(process_.pid);
    const auto is_gone = [&](const Event& event) {
      const auto* const exited = std::get_if<TargetExited>(&event.what);
      return exited != nullptr && exited->target == process_.id;
    };
    GPREEMPT_TRY(session_.await(is_gone, asked + kPatience).map([](const Event& /*event*/) {}));
    life_.destroyed = session_.backend().now() - asked;
    return {};
  }

  Result<void> look(LifeStage stage) {
    LifeSample sample{.at = session_.backend().now() - start_, .stage = stage, .hardware = {}};
    if (stage != LifeStage::kBefore) {
      const std::vector<QueueInfo> queues = session_.backend().queues(process_.id);
      sample.compute = static_cast<std::size_t>(
          std::ranges::count(queues, QueueType::kCompute, &QueueInfo::type));
      sample.sdma = queues.size() - sample.compute;
    }
    const Result<HardwareView> view = look_at_hardware(session_);
    if (view) {
      sample.hardware = count(*view);
    } else if (shows_no_hardware(view.error())) {
      life_.no_view = view.error().what;
    } else {
      return tl::unexpected<Error>(view.error());
    }
    life_.samples.push_back(sample);
    return {};
  }

  [[nodiscard]] HardwareCounts count(const HardwareView& view) const {
    HardwareCounts counts{.all_slots = active_slots(view.hqds)};
    for (const kfd::QueueRow& row : view.rows) {
      if (row.type != QueueType::kCompute) {
        continue;
      }
      ++counts.all_descriptors;
      if (row.pid != process_.pid) {
        continue;
      }
      ++counts.descriptors;
      counts.slots += row.found.slots.size();
      const bool right =
          row.found.mapping == kfd::Mapping::kMapped && row.found.slots.size() == life_.xccs;
      counts.not_one_per_xcc += right ? 0U : 1U;
    }
    return counts;
  }

  Session& session_;
  Duration unit_;
  Instant start_;
  Followed process_;
  LifeEvidence life_;
};

}  // namespace

Result<std::vector<Verdict>> run_lifecycle(const Setting& setting) {
  const Duration unit = setting.quick ? milliseconds(10) : milliseconds(seconds(1));
  return in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
    return Life(session, unit).follow().map(judge_lifecycle);
  });
}

}  // namespace gpreempt::experiments
