#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/hardware_activity.h"
#include "backends/kfd/discovery/queue_join.h"
#include "cli/hardware_check.h"
#include "cli/hardware_checks.h"
#include "cli/hardware_gates.h"
#include "cli/hardware_rig.h"
#include "cli/hardware_verdicts.h"
#include "cli/metrics.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/hardware_view.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::cli::hardware {
namespace {

using experiments::Followed;
using experiments::Session;
using experiments::Verdict;
using std::chrono::milliseconds;
using Samples = std::vector<std::int64_t>;

constexpr std::uint32_t kNewQueues = 10;

/// Of the process's rings the one with the most packets that nobody has read.
Result<Verdict> judge_backlog(const Gate& limit, Session& session, const Followed& job) {
  const auto texts = experiments::read_hardware(session);
  if (!texts) {
    return experiments::shows_no_hardware(texts.error())
               ? experiments::unavailable("backlog", texts.error().what)
               : Result<Verdict>(tl::unexpected<Error>(texts.error()));
  }
  experiments::HardwareView view;
  GPREEMPT_TRY(store(view, experiments::view_of(*texts)));
  std::optional<std::uint64_t> most;
  double rings = 0;
  for (const kfd::QueueRow& row : view.rows) {
    if (row.pid == job.pid && row.backlog) {
      most = std::max(most.value_or(0), *row.backlog);
      ++rings;
    }
  }
  if (!most) {
    return experiments::unavailable(
        "backlog", "no ring of the process is in the files, or none with a known place");
  }
  Verdict verdict = at_most(
      "backlog", static_cast<double>(*most), limit,
      fmt::format("packets of the fullest of {} rings, by the registers: {}. The documents' grades "
                  "begin at 1, 100 and 500",
                  rings, kfd::backlog_grade(*most)));
  verdict.numbers.emplace_back("rings", rings);
  return verdict;
}

Result<Samples> time_creations(Session& session, const Followed& job) {
  Samples times;
  for (std::uint32_t i = 0; i < kNewQueues; ++i) {
    const Instant before = session.backend().now();
    GPREEMPT_TRY(session.testbed().create_queue(job.pid));
    times.push_back(to_ns(session.backend().now() - before));
    GPREEMPT_TRY(session.serve_until(saturating_add(session.backend().now(), milliseconds(1))));
  }
  return times;
}

/// A process of a GPU makes its queues when it likes: then there is nothing to time.
Result<std::vector<Verdict>> judge_creation(const Gate& limit, Session& session,
                                            const Followed& job) {
  const Result<Samples> times = time_creations(session, job);
  if (!times && times.error().code == Errc::kUnsupported) {
    return std::vector<Verdict>{experiments::unavailable("queue-creation", times.error().what)};
  }
  if (!times) {
    return tl::unexpected<Error>(times.error());
  }
  Verdict creation =
      at_most("queue-creation", spread_of(*times).mean.value_or(INFINITY), limit,
              fmt::format("mean of {} CREATE_QUEUE by a process that works", kNewQueues));
  add_sample(creation.numbers, "", *times);
  return std::vector<Verdict>{
      std::move(creation),
      exactly("queues-seen", static_cast<double>(session.backend().queues(job.id).size()),
              1 + kNewQueues, "each new queue is reported to whoever controls the process")};
}

Result<std::vector<Verdict>> play(const Gates& gates, Session& session) {
  Followed job;
  GPREEMPT_TRY(store(job, start_job(session, busy_job(1))));
  std::vector<Verdict> verdicts;
  GPREEMPT_TRY(store(verdicts, judge_creation(gates.get("queue-create"), session, job)));
  Verdict backlog;
  GPREEMPT_TRY(store(backlog, judge_backlog(gates.get("backlog"), session, job)));
  verdicts.push_back(std::move(backlog));
  verdicts.push_back(experiments::unavailable(
      "driver-counters",
      "operations on MQDs and use of kernel queues are counted by the kernel's tracer; look with "
      "ftrace"));
  return verdicts;
}

}  // namespace

Verdicts queue_creation(Campaign& campaign) {
  return experiments::in_world(setting_of(campaign), {.seed = campaign.seed},
                               [&](Session& session) { return play(campaign.gates, session); });
}

}  // namespace gpreempt::cli::hardware
