#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kSmallKernel = milliseconds(1);

/// A process whose queues all have more than enough kernels to last, which lie beside each other.
Program busy_on_all(std::uint32_t queues, Duration length) {
  const auto kernels = static_cast<std::uint32_t>(length / kSmallKernel);
  Program program{.name = "crowd",
                  .offline = true,
                  .queues = queues,
                  .trains = {{KernelRun{.count = 2 * kernels,
                                        .duration = kSmallKernel,
                                        .shape = {.workgroups = 4, .waves = 1, .vgprs = 32}}}},
                  .arrivals = {}};
  program.arrivals.assign(queues, Arrival{.at = Duration::zero(), .train = 0});
  return program;
}

struct Crowd {
  std::uint32_t queues = 0;
  double kernels_per_queue = 0;  ///< over the interval; one after another without a break: 1 a ms
  Duration longest_wait{};       ///< of a queue for its first wave
  std::uint32_t unserved = 0;    ///< queues without one
};

Result<Crowd> measure_crowd(Session& session, std::uint32_t queues, Duration length) {
  Pid pid;
  GPREEMPT_TRY(store(pid, session.testbed().launch(busy_on_all(queues, 2 * length))));
  session.testbed().start();
  GPREEMPT_TRY(session.wait(length));
  Crowd crowd{.queues = queues};
  crowd.kernels_per_queue = static_cast<double>(session.testbed().progress(pid).kernels) / queues;
  for (const RequestRecord& request : session.testbed().requests(pid)) {
    if (request.first_wave == kForever) {
      ++crowd.unserved;
    } else {
      crowd.longest_wait = std::max(crowd.longest_wait, request.first_wave - request.arrival);
    }
  }
  return crowd;
}

/// Turns that all queues take with so many slots: each gets one of them.
double rotation_share(std::uint32_t queues, std::uint32_t slots) {
  const std::uint32_t turns = (queues + slots - 1) / slots;
  return 1.0 / turns;
}

Verdict report_crowd(const Crowd& crowd, double whole, std::uint32_t slots) {
  const double share = crowd.kernels_per_queue / whole;
  return {.name = fmt::format("oversubscription/{}-queues", crowd.queues),
          .value = share,
          .expected = rotation_share(crowd.queues, slots),
          .answer = Answer::kReported,
          .reason = fmt::format(
              "each of {} busy queues did {:.0f} % of what one does while they all "
              "fit in {} slots; turns alone leave {:.0f} %, switches take the rest",
              crowd.queues, 100 * share, slots, 100 * rotation_share(crowd.queues, slots)),
          .numbers = {{"kernels_per_queue", crowd.kernels_per_queue},
                      {"longest_wait_ns", static_cast<double>(to_ns(crowd.longest_wait))},
                      {"unserved_queues", static_cast<double>(crowd.unserved)}}};
}

std::vector<Verdict> judge_crowds(const std::vector<Crowd>& crowds, std::uint32_t slots) {
  // The first one fits; the second has one queue too many.
  const double whole = crowds[0].kernels_per_queue;
  const double beyond = crowds[1].kernels_per_queue / whole;
  std::vector<Verdict> verdicts;
  Verdict cliff{
      .name = "oversubscription/cliff",
      .value = beyond,
      .expected = rotation_share(slots + 1, slots),
      .answer = Answer::kNotResolvable,
      .reason = fmt::format("with one queue more than the {} slots each queue does {:.0f} % "
                            "of before",
                            slots, 100 * beyond),
      .numbers = {{"slots", static_cast<double>(slots)}, {"share_beyond", beyond}}};
  // Between what turns leave (a half) and nothing lost.
  constexpr double kMiddle = 0.75;
  constexpr double kClear = 0.1;
  if (beyond < kMiddle - kClear) {
    cliff.answer = Answer::kYes;
    cliff.reason +=
        ": all of them take turns, blindly, and lose more than the one that is too many";
  } else if (beyond > kMiddle + kClear) {
    cliff.answer = Answer::kNo;
  }
  verdicts.push_back(std::move(cliff));
  const std::uint32_t unserved =
      std::max_element(crowds.begin(), crowds.end(), [](const Crowd& one, const Crowd& other) {
        return one.unserved < other.unserved;
      })->unserved;
  verdicts.push_back(
      {.name = "oversubscription/everyone-has-a-turn",
       .value = static_cast<double>(unserved),
       .expected = 0.0,
       .answer = unserved == 0 ? Answer::kYes : Answer::kNo,
       .reason = fmt::format("{} queues had no wave in the whole interval", unserved)});
  for (const Crowd& crowd : crowds) {
    verdicts.push_back(report_crowd(crowd, whole, slots));
  }
  return verdicts;
}

}  // namespace

Result<std::vector<Verdict>> run_oversubscription(const Setting& setting) {
  const Duration length = setting.quick ? milliseconds(500) : seconds(4);
  std::uint32_t slots = 0;
  GPREEMPT_TRY(in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
    slots = session.backend().info().gpus.front().hqd_slots;
    return slots > 0 ? Result<void>{}
                     : fail(Errc::kUnsupported,
                            "count hardware slots: the backend does not know how many there are");
  }));
  std::vector<Crowd> crowds;
  for (const std::uint32_t queues : {slots, slots + 1, slots + slots / 2, 2 * slots, 3 * slots}) {
    Crowd crowd;
    GPREEMPT_TRY(store(
        crowd, in_world(setting, {.gpus = 1, .seed = setting.seed},
                        [&](Session& session) { return measure_crowd(session, queues, length); })));
    crowds.push_back(crowd);
  }
  return judge_crowds(crowds, slots);
}

}  // namespace gpreempt::experiments
