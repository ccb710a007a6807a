#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/hardware_checks.h"
#include "cli/hardware_gates.h"
#include "cli/hardware_rig.h"
#include "cli/hardware_verdicts.h"
#include "cli/metrics.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/stats.h"
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
using Samples = std::vector<std::int64_t>;

Result<void> pass(Session& session, Duration duration) {
  return session.serve_until(saturating_add(session.backend().now(), duration));
}

std::int64_t time_of(const ControlDone& done) { return to_ns(done.done - done.issued); }

/// Infinite without a sample, which misses every limit.
double worst_but_one_percent(const Samples& samples) {
  const std::optional<Quantile> p99 = spread_of(samples).p99;
  return p99 ? static_cast<double>(p99->value) : INFINITY;
}

Verdict judged(std::string name, const Samples& samples, const Gate& gate, std::string reason) {
  Verdict verdict =
      at_most(std::move(name), worst_but_one_percent(samples), gate, std::move(reason));
  add_sample(verdict.numbers, "", samples);
  return verdict;
}

// ---- T-4 ---------------------------------------------------------------------------------------

struct Latencies {
  Samples suspend;
  Samples resume;
  Samples online;
};

constexpr std::uint32_t kRepetitions = 100;

Result<Latencies> time_requests(Session& session) {
  Latencies times;
  Pair pair;
  GPREEMPT_TRY(store(
      pair, launch_pair(session, busy_job(4),
                        telling_service(kRepetitions, milliseconds(100), milliseconds(100)))));
  session.testbed().start();
  for (std::uint32_t i = 0; i < kRepetitions; ++i) {
    GPREEMPT_TRY(await_word<WorkArrived>(session, pair.service, i, seconds(10)));
    ControlDone done;
    GPREEMPT_TRY(store(done, session.suspend(pair.job)));
    times.suspend.push_back(time_of(done));
    GPREEMPT_TRY(await_word<WorkFinished>(session, pair.service, i, seconds(10)));
    GPREEMPT_TRY(store(done, session.resume(pair.job)));
    times.resume.push_back(time_of(done));
  }
  for (const RequestRecord& request : session.testbed().requests(pair.service.pid)) {
    times.online.push_back(to_ns(request.end - request.arrival));
  }
  return times;
}

Result<std::vector<Verdict>> judge_latency(const Gates& gates, Session& session) {
  Latencies times;
  GPREEMPT_TRY(store(times, time_requests(session)));
  const Samples first(times.suspend.begin(), times.suspend.begin() + 1);
  const Samples steady(times.suspend.begin() + 1, times.suspend.end());
  return std::vector<Verdict>{
      judged("suspend", steady, gates.get("suspend-p99"),
             fmt::format("{} suspends of a process with work on four queues, after its first one",
                         steady.size())),
      judged("first-suspend", first, gates.get("suspend-p99"),
             "the first one of a process, whose save areas the driver may have to move"),
      judged("resume", times.resume, gates.get("resume-p99"),
             fmt::format("{} resumes of the same", times.resume.size())),
      judged("online-end-to-end", times.online, gates.get("online"),
             "requests of 2 ms, each with a suspend before it")};
}

// ---- T-9 ---------------------------------------------------------------------------------------

constexpr std::uint32_t kManyQueues = 10;

/// Takes all queues off in calls of `each` ids; first call to last answer.
Result<std::int64_t> take_off(Session& session, const Followed& job, std::size_t each,
                              const Control& control) {
  std::optional<Instant> begun;
  Instant ended;
  const std::span<const QueueId> all(job.queues);
  for (std::size_t at = 0; at < all.size(); at += each) {
    ControlDone done;
    GPREEMPT_TRY(store(done, session.control(job.id, all.subspan(at, each), control)));
    begun = begun.value_or(done.issued);
    ended = done.done;
  }
  return to_ns(ended - begun.value_or(ended));
}

Result<Samples> time_take_offs(Session& session, const Followed& job, std::size_t each,
                               const Control& control) {
  Samples times;
  for (std::uint32_t i = 0; i < kRepetitions; ++i) {
    std::int64_t time = 0;
    GPREEMPT_TRY(store(time, take_off(session, job, each, control)));
    times.push_back(time);
    GPREEMPT_TRY(session.resume(job));
    GPREEMPT_TRY(pass(session, milliseconds(10)));
  }
  return times;
}

Verdict compare_batches(const Samples& batch, const Samples& single) {
  const double ratio = worst_but_one_percent(single) / worst_but_one_percent(batch);
  Verdict verdict =
      reported("one-call-against-ten", fmt::format("{:.3g} times", ratio),
               fmt::format("p99 of ten calls of one queue each over that of one call for ten, {} "
                           "times each; the documents expect 10 to 150 times from a new ioctl, "
                           "and one call for several queues is what the driver has",
                           kRepetitions));
  verdict.numbers.emplace_back("ratio", ratio);
  add_spread(verdict.numbers, "one_call_", spread_of(batch));
  add_spread(verdict.numbers, "ten_calls_", spread_of(single));
  return verdict;
}

Result<std::vector<Verdict>> play_batches(const Gates& gates, Session& session) {
  Followed job;
  GPREEMPT_TRY(store(job, start_job(session, busy_job(kManyQueues))));
  GPREEMPT_TRY(session.suspend(job));  // the first one apart
  GPREEMPT_TRY(session.resume(job));
  const Suspend suspend{.grace = std::nullopt, .lease = experiments::kLease};
  Samples batch;
  Samples single;
  GPREEMPT_TRY(store(batch, time_take_offs(session, job, kManyQueues, suspend)));
  GPREEMPT_TRY(store(single, time_take_offs(session, job, 1, suspend)));
  std::vector<Verdict> verdicts = {compare_batches(batch, single)};
  const std::string& missing = session.backend().info().missing(ControlKind::kSelectiveUnmap);
  if (!missing.empty()) {
    verdicts.push_back(experiments::unavailable("batch-unmap", missing));
    return verdicts;
  }
  Samples unmap;
  GPREEMPT_TRY(store(unmap, time_take_offs(session, job, kManyQueues,
                                           SelectiveUnmap{.lease = experiments::kLease})));
  verdicts.push_back(judged("batch-unmap", unmap, gates.get("batch-unmap"),
                            "the documents' BATCH_UNMAP of ten queues, which no driver has"));
  verdicts.back().basis = experiments::Basis::kAssumed;
  return verdicts;
}

// ---- T-10, T-16 --------------------------------------------------------------------------------

struct Repeated {
  std::uint32_t asked = 0;
  std::uint32_t succeeded = 0;
  Samples suspend;
  Samples resume;
};

/// What makes another iteration pointless, or dangerous.
bool ends_iterations(const Result<ControlDone>& done) {
  return !done &&
         (done.error().code == Errc::kHardwareFailure || done.error().code == Errc::kTimedOut ||
          done.error().code == Errc::kProcessExited);
}

/// Suspends, looks whether the job stays off for 10 ms, resumes, waits. Errors: those of a control
/// after which there is no going on.
Result<Repeated> repeat(Session& session, const Followed& job, std::uint32_t count,
                        Duration between) {
  Repeated result{.asked = count};
  const auto work = [&] { return session.testbed().progress(job.pid).work; };
  for (std::uint32_t i = 0; i < count; ++i) {
    const Result<ControlDone> off = session.suspend(job);
    GPREEMPT_TRY(pass(session, kUntilTold));
    const Duration before = work();
    GPREEMPT_TRY(pass(session, milliseconds(10) - kUntilTold));
    const bool stayed = work() == before;
    const Result<ControlDone> on = session.resume(job);
    for (const Result<ControlDone>* const done : {&off, &on}) {
      if (ends_iterations(*done)) {
        return tl::unexpected<Error>(done->error());
      }
    }
    GPREEMPT_TRY(pass(session, between));
    if (off && on) {
      result.suspend.push_back(time_of(*off));
      result.resume.push_back(time_of(*on));
    }
    const bool goes_on =
        session.wait_until([&] { return work() > before; }, milliseconds(100)).has_value();
    result.succeeded += off && on && stayed && goes_on ? 1U : 0U;
  }
  return result;
}

struct Round {
  std::uint32_t count;
  Duration between;
};

std::vector<Round> rounds_of(const Campaign& campaign) {
  constexpr std::array<std::uint32_t, 5> kCounts = {10, 50, 100, 500, 1000};
  std::vector<Round> rounds;
  for (const std::uint32_t count : kCounts) {
    if (campaign.full) {
      rounds.push_back({.count = count, .between = milliseconds(500)});
    }
    if (campaign.full || count <= 100) {
      rounds.push_back({.count = count, .between = milliseconds(10)});
    }
  }
  return rounds;
}

Result<std::vector<Verdict>> play_iterations(Campaign& campaign, Session& session) {
  Followed job;
  GPREEMPT_TRY(store(job, start_job(session, busy_job(4))));
  if (!campaign.full) {
    campaign.scaled = "quick: three of the plan's five counts, at one of its two distances";
  }
  std::vector<Verdict> verdicts;
  for (const Round& round : rounds_of(campaign)) {
    Repeated done;
    GPREEMPT_TRY(store(done, repeat(session, job, round.count, round.between)));
    const double share = static_cast<double>(done.succeeded) / done.asked;
    verdicts.push_back(at_least(
        fmt::format("{}-iterations-{}-ms-apart", round.count, to_ns(round.between) / 1'000'000),
        share, campaign.gates.get("success"),
        "suspend, off for 10 ms without any work, resume, work again"));
    add_spread(verdicts.back().numbers, "suspend_", spread_of(done.suspend));
    add_spread(verdicts.back().numbers, "resume_", spread_of(done.resume));
  }
  return verdicts;
}

/// Compute queues that the world's processes own, over the slots for them.
Verdict slot_use(Session& session, std::size_t queues) {
  const GpuInfo& gpu = session.backend().info().gpus.front();
  const double used = static_cast<double>(queues) / gpu.hqd_slots;
  Verdict verdict =
      reported("hqd-utilisation", quantity_text(GateUnit::kShare, used),
               fmt::format("{} compute queues of {} slots; a queue stays mapped while it is idle, "
                           "so this counts queues and not work. The documents' 85 to 90 % would "
                           "take {:.0f} queues",
                           queues, gpu.hqd_slots, 0.85 * gpu.hqd_slots));
  verdict.numbers = {{"queues", static_cast<double>(queues)},
                     {"slots", static_cast<double>(gpu.hqd_slots)}};
  return verdict;
}

Result<std::vector<Verdict>> play_days(Campaign& campaign, Session& session) {
  Followed job;
  GPREEMPT_TRY(store(job, start_job(session, busy_job(kManyQueues))));
  constexpr std::uint32_t kFew = 20;
  constexpr std::uint32_t kPairs = 500;  // 1000 operations
  Repeated first;
  GPREEMPT_TRY(store(first, repeat(session, job, 1, milliseconds(10))));
  Repeated few;
  GPREEMPT_TRY(store(few, repeat(session, job, kFew - 1, milliseconds(10))));
  Repeated many;
  GPREEMPT_TRY(store(many, repeat(session, job, kPairs, milliseconds(2))));
  const Gate& limit = campaign.gates.get("suspend-p99");
  std::vector<Verdict> verdicts = {
      judged("first-preemption", first.suspend, limit,
             "the first suspend of ten queues with work, for which the driver may have to move "
             "save areas"),
      judged("preemptions-after-the-first", few.suspend, limit,
             "suspends 2 to 20 of ten queues with work"),
      at_least("1000-operations", static_cast<double>(many.succeeded) / many.asked,
               campaign.gates.get("success"),
               "500 suspends and 500 resumes, 12 ms apart, each seen to work"),
      exactly("no-queue-leaks", static_cast<double>(session.backend().queues(job.id).size()),
              kManyQueues, "queues that the process owns afterwards"),
      slot_use(session, kManyQueues)};
  return verdicts;
}

Verdicts on_one_gpu(Campaign& campaign, const std::function<Verdicts(Session&)>& play) {
  return experiments::in_world(setting_of(campaign), {.seed = campaign.seed}, play);
}

}  // namespace

Verdicts latency(Campaign& campaign) {
  return on_one_gpu(campaign,
                    [&](Session& session) { return judge_latency(campaign.gates, session); });
}

Verdicts batches(Campaign& campaign) {
  return on_one_gpu(campaign,
                    [&](Session& session) { return play_batches(campaign.gates, session); });
}

Verdicts iterations(Campaign& campaign) {
  return on_one_gpu(campaign, [&](Session& session) { return play_iterations(campaign, session); });
}

Verdicts days(Campaign& campaign) {
  return on_one_gpu(campaign, [&](Session& session) { return play_days(campaign, session); });
}

}  // namespace gpreempt::cli::hardware
