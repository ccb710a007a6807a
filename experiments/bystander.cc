#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/bystander_rule.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/programs.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Long enough for what goes on after a call has returned: mapping and restoring.
constexpr Duration kSettle = milliseconds(10);

struct Trio {
  Pid online;
  Followed offline;
};

/// An Online process that is never without work, an Offline one that is suspended, and one whose
/// queues are only there.
Result<Trio> launch_trio(Session& session, std::uint32_t idle_queues) {
  const GpuInfo& gpu = session.backend().info().gpus.front();
  Program service = endless("online", gpu, 0.25, milliseconds(1));
  service.offline = false;
  service.heartbeat = true;
  Trio trio;
  Pid offline;
  GPREEMPT_TRY(store(trio.online, session.testbed().launch(std::move(service))));
  GPREEMPT_TRY(
      store(offline, session.testbed().launch(endless("offline", gpu, 0.25, milliseconds(2)))));
  if (idle_queues > 0) {
    GPREEMPT_TRY(session.testbed().launch(idle("idle", idle_queues)));
  }
  session.testbed().start();
  GPREEMPT_TRY(session.wait(milliseconds(20)));
  GPREEMPT_TRY(store(trio.offline, session.follow(offline, AttachMode::kControl)));
  GPREEMPT_TRY(session.wait(milliseconds(50)));
  // The first suspend may move save areas.
  GPREEMPT_TRY(session.suspend(trio.offline).map([](const ControlDone& /*done*/) {}));
  GPREEMPT_TRY(session.wait(kSettle));
  GPREEMPT_TRY(session.resume(trio.offline).map([](const ControlDone& /*done*/) {}));
  GPREEMPT_TRY(session.wait(milliseconds(50)));
  return trio;
}

/// Online's time off the GPU for each suspension with its resume.
Result<BystanderPoint> measure_point(Session& session, const Setting& setting,
                                     std::uint32_t idle_queues, std::size_t repetitions) {
  Trio trio;
  GPREEMPT_TRY(store(trio, launch_trio(session, idle_queues)));
  RandomStream random(setting.seed, fmt::format("experiment/bystander/{}", idle_queues));
  // Besides the idle ones: Online's and Offline's.
  BystanderPoint point{.mapped_queues = idle_queues + 2, .off = {}};
  GPREEMPT_TRY(check_tells_bystander(session.testbed().progress(trio.online)));
  const auto off_so_far = [&] { return session.testbed().progress(trio.online).bystander; };
  for (std::size_t i = 0; i < repetitions; ++i) {
    const auto phase = static_cast<std::int64_t>(random.below(2'000'000));
    GPREEMPT_TRY(session.wait(kSettle + Duration(phase)));
    const Duration before = off_so_far();
    GPREEMPT_TRY(session.suspend(trio.offline).map([](const ControlDone& /*done*/) {}));
    GPREEMPT_TRY(session.wait(kSettle));
    GPREEMPT_TRY(session.resume(trio.offline).map([](const ControlDone& /*done*/) {}));
    GPREEMPT_TRY(session.wait(kSettle));
    point.off.push_back(to_ns(off_so_far() - before));
  }
  return point;
}

}  // namespace

Result<std::vector<Verdict>> run_bystander(const Setting& setting) {
  const std::size_t repetitions = setting.quick ? 15 : 50;
  const std::vector<std::uint32_t> counts = setting.quick
                                                ? std::vector<std::uint32_t>{0, 16}
                                                : std::vector<std::uint32_t>{0, 4, 8, 12, 16, 20};
  std::vector<BystanderPoint> points;
  for (const std::uint32_t idle_queues : counts) {
    BystanderPoint point;
    GPREEMPT_TRY(
        store(point, in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
                return measure_point(session, setting, idle_queues, repetitions);
              })));
    points.push_back(std::move(point));
    if (setting.progress) {
      setting.progress(static_cast<double>(points.size()) / static_cast<double>(counts.size()));
    }
  }
  return judge_bystander(points);
}

}  // namespace gpreempt::experiments
