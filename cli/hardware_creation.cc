#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
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
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
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

/// Of a process's rings the one with the most packets that nobody has read.
struct Backlog {
  std::optional<std::uint64_t> most;  ///< nullopt: of none it is known
  std::size_t rings = 0;
};

Result<Backlog> look_at_backlog(Session& session, Pid pid) {
  experiments::HardwareTexts texts;
  experiments::HardwareView view;
  GPREEMPT_TRY(store(texts, experiments::read_hardware(session)));
  GPREEMPT_TRY(store(view, experiments::view_of(texts)));
  Backlog backlog;
  for (const kfd::QueueRow& row : view.rows) {
    if (row.pid == pid && row.backlog) {
      backlog.most = std::max(backlog.most.value_or(0), *row.backlog);
      ++backlog.rings;
    }
  }
  return backlog;
}

/// The most of several looks, for a ring empties and fills.
Result<Verdict> judge_backlog(const Campaign& campaign, Session& session, const Followed& job) {
  constexpr const char* kName = "backlog";
  constexpr int kLooks = 5;
  Backlog most;
  for (int look = 0; look < kLooks; ++look) {
    const Result<Backlog> seen = look_at_backlog(session, job.pid);
    if (!seen) {
      return experiments::shows_no_hardware(seen.error())
                 ? experiments::unavailable(kName, seen.error().what)
                 : Result<Verdict>(tl::unexpected<Error>(seen.error()));
    }
    if (seen->most && seen->most >= most.most) {
      most = *seen;
    }
    GPREEMPT_TRY(session.serve_until(saturating_add(session.backend().now(), milliseconds(1))));
  }
  if (!most.most) {
    return experiments::unavailable(
        kName, "no ring of the process is in the files, or none with a known place");
  }
  const bool is_modelled = campaign.host == nullptr;
  Verdict verdict =
      at_most(kName, static_cast<double>(*most.most), campaign.gates.get("backlog"),
              fmt::format("packets of the fullest of {} rings, the most of {} looks at the "
                          "registers: {}{}",
                          most.rings, kLooks, kfd::backlog_grade(*most.most),
                          is_modelled ? "; a modelled ring shows one packet at most" : ""));
  verdict.numbers.emplace_back("rings", static_cast<double>(most.rings));
  verdict.basis = is_modelled ? experiments::Basis::kAssumed : verdict.basis;
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

Result<std::vector<Verdict>> play(const Campaign& campaign, Session& session) {
  Followed job;
  GPREEMPT_TRY(store(job, start_job(session, busy_job(1))));
  std::vector<Verdict> verdicts;
  GPREEMPT_TRY(store(verdicts, judge_creation(campaign.gates.get("queue-create"), session, job)));
  Verdict backlog;
  GPREEMPT_TRY(store(backlog, judge_backlog(campaign, session, job)));
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
                               [&](Session& session) { return play(campaign, session); });
}

}  // namespace gpreempt::cli::hardware
