#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/hardware_checks.h"
#include "cli/hardware_gates.h"
#include "cli/hardware_host.h"
#include "cli/hardware_rig.h"
#include "cli/hardware_verdicts.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::cli::hardware {
namespace {

using experiments::Followed;
using experiments::Session;
using experiments::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kJobQueues = 4;

/// How long a job runs before it is touched; notes if that is shorter than the plan's.
Duration settling(Campaign& campaign) {
  if (campaign.full) {
    return seconds(10);
  }
  campaign.scaled = "quick: settles 1 s and not the plan's 10 s";
  return seconds(1);
}

Result<void> serve_for(Session& session, Duration duration) {
  return session.serve_until(saturating_add(session.backend().now(), duration));
}

/// The job's work, in nanoseconds of an idle GPU.
std::int64_t work_of(Session& session, const Followed& job) {
  return to_ns(session.testbed().progress(job.pid).work);
}

/// What the job does in this time from now.
Result<std::int64_t> work_within(Session& session, const Followed& job, Duration duration) {
  const std::int64_t before = work_of(session, job);
  return serve_for(session, duration).map([&] { return work_of(session, job) - before; });
}

Result<std::vector<Verdict>> play_basic(Campaign& campaign, Session& session) {
  HostBooks books(campaign.host, campaign.kernel_log);
  const Duration stable = settling(campaign);
  Pair pair;
  GPREEMPT_TRY(store(
      pair, launch_pair(session, busy_job(kJobQueues), telling_service(1, stable, seconds(1)))));
  session.testbed().start();
  GPREEMPT_TRY(await_word<WorkArrived>(session, pair.service, 0, stable + seconds(1)));
  GPREEMPT_TRY(experiments::check_tells_work(session.testbed().progress(pair.job.pid)));
  const std::int64_t before = work_of(session, pair.job);
  GPREEMPT_TRY(session.suspend(pair.job));
  GPREEMPT_TRY(serve_for(session, kUntilTold));
  const std::int64_t off = work_of(session, pair.job);
  GPREEMPT_TRY(await_word<WorkFinished>(session, pair.service, 0, seconds(10)));
  GPREEMPT_TRY(serve_for(session, kUntilTold));
  const std::int64_t still_off = work_of(session, pair.job);
  GPREEMPT_TRY(session.resume(pair.job));
  std::int64_t after = 0;
  GPREEMPT_TRY(store(after, work_within(session, pair.job, seconds(1))));
  const RequestRecord& request = session.testbed().requests(pair.service.pid).front();
  const auto latency = static_cast<double>(to_ns(request.end - request.arrival));
  return std::vector<Verdict>{
      holds(
          "offline-stops-and-goes-on", before > 0 && still_off == off && after > 0,
          fmt::format("Offline's {} queues together did {} of work before the suspend (in {}), {} "
                      "while they were off, and {} after the resume (in 1 s)",
                      kJobQueues, quantity_text(GateUnit::kTime, static_cast<double>(before)),
                      quantity_text(GateUnit::kTime, static_cast<double>(to_ns(stable))),
                      quantity_text(GateUnit::kTime, static_cast<double>(still_off - off)),
                      quantity_text(GateUnit::kTime, static_cast<double>(after)))),
      at_most("online-end-to-end", latency, campaign.gates.get("online"),
              "one request of 2 ms that arrives while Offline has the GPU, its suspend included"),
      books.kernel_log()};
}

/// One process whose queues are suspended again and again.
Result<std::vector<Verdict>> play_edges(Session& session) {
  Followed job;
  GPREEMPT_TRY(store(job, start_job(session, busy_job(kJobQueues))));
  const QueueId unknown{job.queues.back().value() + 1000};
  const Result<RequestId> refused =
      session.backend().control(job.id, std::span(&unknown, 1), Suspend{.lease = seconds(1)});
  std::int64_t untouched = 0;
  GPREEMPT_TRY(store(untouched, work_within(session, job, milliseconds(100))));
  ControlDone first;
  GPREEMPT_TRY(store(first, session.suspend(job)));
  GPREEMPT_TRY(serve_for(session, kUntilTold));
  std::int64_t once = 0;
  GPREEMPT_TRY(store(once, work_within(session, job, milliseconds(100))));
  GPREEMPT_TRY(session.suspend(job));
  std::int64_t twice = 0;
  GPREEMPT_TRY(store(twice, work_within(session, job, milliseconds(100))));
  GPREEMPT_TRY(session.resume(job));
  std::int64_t resumed = 0;
  GPREEMPT_TRY(store(resumed, work_within(session, job, milliseconds(100))));
  GPREEMPT_TRY(session.resume(job));
  std::int64_t again = 0;
  GPREEMPT_TRY(store(again, work_within(session, job, milliseconds(100))));
  return std::vector<Verdict>{
      holds("unknown-id-is-an-error", !refused && untouched > 0,
            refused ? "a queue id that nobody has was accepted"
                    : fmt::format("refused: {}", refused.error().what)),
      holds("second-suspend-changes-nothing", twice == 0 && resumed > 0,
            "both suspends succeed, the job stays off, and one resume ends both"),
      holds("second-resume-changes-nothing", again > 0,
            "both resumes succeed and the job runs after each"),
      holds("several-queues-at-once", first.outcomes.size() == job.queues.size() && once == 0,
            fmt::format("one call for {} queues: as many outcomes, all ok, and no work of any of "
                        "them afterwards",
                        job.queues.size()))};
}

/// The kernels that B has complete as the script goes on.
struct ScriptCounts {
  std::size_t queues = 0;
  std::uint64_t baseline = 0;
  std::uint64_t stopped = 0;
  std::uint64_t two_later = 0;
  std::uint64_t after_a = 0;
  std::uint64_t resumed = 0;
  std::uint64_t requests_of_a = 0;
};

constexpr std::uint32_t kRequestsOfA = 10;

/// The steps of the plan's script, by their numbers.
Result<ScriptCounts> play_script(Campaign& campaign, Session& session) {
  ScriptCounts counts;
  Followed b;
  const auto kernels = [&] { return session.testbed().progress(b.pid).kernels; };
  GPREEMPT_TRY(store(b, start_job(session, busy_job(kJobQueues))));  // 1 start B
  GPREEMPT_TRY(serve_for(session, settling(campaign)));              // 2 settle
  counts.queues = b.queues.size();                                   // 3 queue info
  counts.baseline = kernels();                                       // 4 baseline
  GPREEMPT_TRY(session.suspend(b));                                  // 5 stop
  GPREEMPT_TRY(serve_for(session, kUntilTold));
  counts.stopped = kernels();
  GPREEMPT_TRY(serve_for(session, seconds(2)));  // 6 two seconds
  counts.two_later = kernels();                  // 7 unchanged?
  Pid a;
  GPREEMPT_TRY(store(a, session.run(telling_service(kRequestsOfA, milliseconds(1),
                                                    milliseconds(10)))));  // 8 run A
  const auto is_done = [&] {
    return session.testbed().progress(a).requests_completed == kRequestsOfA;
  };
  GPREEMPT_TRY(session.wait_until(is_done));
  counts.requests_of_a = session.testbed().progress(a).requests_completed;
  counts.after_a = kernels();
  GPREEMPT_TRY(session.resume(b));               // 9 resume
  GPREEMPT_TRY(serve_for(session, seconds(2)));  // 10 two seconds
  counts.resumed = kernels();                    // 11 grown?
  return counts;
}

Result<std::vector<Verdict>> play_twelve_steps(Campaign& campaign, Session& session) {
  ScriptCounts counts;
  GPREEMPT_TRY(store(counts, play_script(campaign, session)));
  return std::vector<Verdict>{
      // 12 report
      holds("b-stops", counts.baseline > 0 && counts.two_later == counts.stopped,
            fmt::format("B, on {} queues, had {} kernels complete when its suspend returned, and "
                        "{} two seconds later",
                        counts.queues, counts.stopped, counts.two_later)),
      holds("a-runs-meanwhile",
            counts.requests_of_a == kRequestsOfA && counts.after_a == counts.stopped,
            fmt::format("A completed {} requests, and B {} kernels meanwhile", counts.requests_of_a,
                        counts.after_a - counts.stopped)),
      holds("b-goes-on", counts.resumed > counts.after_a,
            fmt::format("two seconds after its resume B had {} kernels complete", counts.resumed))};
}

constexpr std::uint32_t kLongKernels = 20;  ///< on each of two queues
constexpr auto kLongKernel = milliseconds(10);

Program two_long_queues() {
  Program program;
  program.name = "witness";
  program.offline = true;
  program.queues = 2;
  program.trains = {
      {KernelRun{.count = kLongKernels,
                 .duration = kLongKernel,
                 .shape = {.workgroups = 320, .waves = 4, .vgprs = 64, .lds_bytes = 16384}}}};
  program.arrivals = {Arrival{}, Arrival{}};
  return program;
}

Result<std::vector<Verdict>> play_integrity(Session& session) {
  Followed job;
  GPREEMPT_TRY(store(job, start_job(session, two_long_queues())));
  std::uint32_t suspends = 0;
  while (session.testbed().progress(job.pid).requests_completed < 2) {
    GPREEMPT_TRY(session.suspend(job));
    ++suspends;
    GPREEMPT_TRY(serve_for(session, milliseconds(5)));
    GPREEMPT_TRY(session.resume(job));
    GPREEMPT_TRY(serve_for(session, milliseconds(7)));
  }
  const ProgramProgress progress = session.testbed().progress(job.pid);
  constexpr double kQueues = 2;
  return std::vector<Verdict>{
      exactly(
          "kernels-complete", static_cast<double>(progress.kernels), kQueues * kLongKernels,
          fmt::format("{} kernels of 10 ms on each of two queues, suspended {} times on the way",
                      kLongKernels, suspends)),
      exactly("work-done-ns", static_cast<double>(to_ns(progress.work)),
              kQueues * kLongKernels * static_cast<double>(to_ns(Duration(kLongKernel))),
              "nothing is lost and nothing is done twice; what the registers of a real GPU held is "
              "for a self-checking kernel to say")};
}

}  // namespace

Verdicts basic(Campaign& campaign) {
  return experiments::in_world(setting_of(campaign), {.seed = campaign.seed},
                               [&](Session& session) { return play_basic(campaign, session); });
}

Verdicts edges(Campaign& campaign) {
  return experiments::in_world(setting_of(campaign), {.seed = campaign.seed}, play_edges);
}

Verdicts twelve_steps(Campaign& campaign) {
  return experiments::in_world(
      setting_of(campaign), {.seed = campaign.seed},
      [&](Session& session) { return play_twelve_steps(campaign, session); });
}

Verdicts integrity(Campaign& campaign) {
  return experiments::in_world(setting_of(campaign), {.seed = campaign.seed}, play_integrity);
}

}  // namespace gpreempt::cli::hardware
