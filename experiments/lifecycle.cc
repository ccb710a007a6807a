#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "core/units.h"
#include "experiments/catalogue.h"
#include "experiments/dump_keeper.h"
#include "experiments/experiment.h"
#include "experiments/hardware_view.h"
#include "experiments/lifecycle_rule.h"
#include "experiments/programs.h"
#include "experiments/saved_folder.h"
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

constexpr std::string_view kLively = "lively";

Program lively(const GpuInfo& gpu) {
  Program program = endless(std::string(kLively), gpu, 0.25, milliseconds(1));
  program.runtime = Runtime::kHip;
  program.queues = 4;
  return program;
}

/// Follows one process from before its start until after its end.
class Life {
 public:
  Life(Session& session, const Setting& setting, Duration unit)
      : session_(session), keeper_(setting, "lifecycle"), unit_(unit) {
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
    keeper_.keep_number(run_folder_name(kLively, 1), kLively, "pid", pid.value());
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
    const Result<HardwareTexts> texts = read_hardware(session_);
    if (texts) {
      HardwareView view;
      GPREEMPT_TRY(store(view, view_of(*texts)));
      sample.hardware = counts_of(view, process_.pid, life_.xccs);
      keep(sample, *texts);
    } else if (shows_no_hardware(texts.error())) {
      life_.no_view = texts.error().what;
    } else {
      return tl::unexpected<Error>(texts.error());
    }
    life_.samples.push_back(sample);
    return {};
  }

  void keep(const LifeSample& sample, const HardwareTexts& texts) const {
    const std::string_view stage = sample.stage == LifeStage::kBefore  ? "before"
                                   : sample.stage == LifeStage::kAlive ? "during"
                                                                       : "after";
    const bool is_before = sample.at < Duration::zero();
    // The number keeps the names in the order of the looks.
    const std::string when =
        fmt::format("{}_{:02}_T{}{}", stage, life_.samples.size(), is_before ? "-" : "+",
                    format_duration(is_before ? -sample.at : sample.at));
    keeper_.keep(run_folder_name(kLively, 1), when, texts);
  }

  Session& session_;
  DumpKeeper keeper_;
  Duration unit_;
  Instant start_;
  Followed process_;
  LifeEvidence life_;
};

}  // namespace

Result<std::vector<Verdict>> run_lifecycle(const Setting& setting) {
  const Duration unit = setting.quick ? milliseconds(10) : milliseconds(seconds(1));
  return in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
    return Life(session, setting, unit).follow().map(judge_lifecycle);
  });
}

}  // namespace gpreempt::experiments
