#include <fmt/format.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/programs.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Kernel time that a job did in four intervals of the same length.
struct AttachTimes {
  Duration length{};
  Duration before{};     ///< nobody is attached
  Duration attaching{};  ///< the attach falls into it
  Duration attached{};   ///< a debugger is attached and suspends nothing
  Duration after{};      ///< it has left
};

Result<AttachTimes> measure_attach(Session& session, Duration length) {
  Pid pid;
  GPREEMPT_TRY(store(pid, session.testbed().launch(endless(
                              "job", session.backend().info().gpus.front(), 1, milliseconds(2)))));
  session.testbed().start();
  GPREEMPT_TRY(session.wait(milliseconds(50)));
  GPREEMPT_TRY(check_tells_work(session.testbed().progress(pid)));
  AttachTimes times{.length = length};
  const auto done_by = [&](Instant end) -> Result<Duration> {
    const Duration before = session.testbed().progress(pid).work;
    GPREEMPT_TRY(session.serve_until(end));
    return session.testbed().progress(pid).work - before;
  };
  GPREEMPT_TRY(store(times.before, done_by(session.backend().now() + length)));
  const Instant end = session.backend().now() + length;
  const Duration begin = session.testbed().progress(pid).work;
  Followed process;
  GPREEMPT_TRY(store(process, session.follow(pid, AttachMode::kControl)));
  GPREEMPT_TRY(session.serve_until(end));
  times.attaching = session.testbed().progress(pid).work - begin;
  GPREEMPT_TRY(store(times.attached, done_by(session.backend().now() + length)));
  GPREEMPT_TRY(session.leave(process));
  GPREEMPT_TRY(session.wait(milliseconds(50)));
  GPREEMPT_TRY(store(times.after, done_by(session.backend().now() + length)));
  return times;
}

double loss_of(Duration work, Duration alone) {
  return 1 - static_cast<double>(to_ns(work)) / static_cast<double>(to_ns(alone));
}

std::vector<Verdict> judge_attach(const AttachTimes& times) {
  // Less than what a kernel more or less in the interval makes.
  const double resolution =
      static_cast<double>(to_ns(milliseconds(2))) / static_cast<double>(to_ns(times.length));
  const double tax = loss_of(times.attached, times.before);
  const double drift = loss_of(times.after, times.before);
  Verdict steady{
      .name = "attach-tax/while-attached",
      .value = tax,
      .expected = {},
      .answer = Answer::kReported,
      .reason = fmt::format("a job lost {:.3f} % of its work while a debugger was attached "
                            "and suspended nothing; {:.3f} % after it had left; the "
                            "interval resolves {:.3f} %",
                            100 * tax, 100 * drift, 100 * resolution)};
  steady.numbers = {{"loss", tax},
                    {"loss_after_detach", drift},
                    {"resolution", resolution},
                    {"interval_ns", static_cast<double>(to_ns(times.length))}};
  const Duration once = times.before - times.attaching;
  Verdict begin{.name = "attach-tax/once",
                .value = static_cast<double>(to_ns(once)),
                .expected = {},
                .answer = Answer::kReported,
                .reason =
                    "kernel time lost when it attaches: enabling a debug session "
                    "unmaps and maps every queue of each GPU that the process sees",
                .numbers = {{"lost_ns", static_cast<double>(to_ns(once))}},
                .unit = "ns"};
  return {std::move(steady), std::move(begin)};
}

}  // namespace

Result<std::vector<Verdict>> run_attach_tax(const Setting& setting) {
  const Duration length = setting.quick ? seconds(1) : seconds(10);
  return in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
    return measure_attach(session, length).map(judge_attach);
  });
}

}  // namespace gpreempt::experiments
