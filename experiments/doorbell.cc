#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

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
#include "experiments/programs.h"
#include "experiments/sampled.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

/// Work that is put into rings while they are off: one request every 10 ms.
constexpr Duration kPeriod = milliseconds(10);

Program submitter(const GpuInfo& gpu, std::uint32_t requests) {
  Program program{.name = "submitter",
                  .offline = true,
                  .trains = {{kernel_on(gpu, 0.25, milliseconds(1))}},
                  .arrivals = {}};
  for (std::uint32_t i = 0; i < requests; ++i) {
    program.arrivals.push_back(Arrival{.at = (i + 1) * kPeriod, .train = 0});
  }
  return program;
}

struct Doorbells {
  std::size_t rung = 0;   ///< requests written to the ring while it was off
  std::size_t begun = 0;  ///< of these, begun before the resume
  std::size_t done = 0;   ///< of these, complete in the end
  bool in_order = true;   ///< they ended in the order in which they were written
  Instant resumed;        ///< when the resume was asked for
  Instant first_wave = kForever;
};

void look_back(const std::vector<RequestRecord>& requests, Doorbells& seen) {
  Instant last_end{};
  for (const RequestRecord& request : requests) {
    seen.first_wave = std::min(seen.first_wave, request.first_wave);
    // A program may tell of a request when it is done, or not tell of its first wave.
    seen.begun += std::min(request.first_wave, request.end) < seen.resumed ? 1U : 0U;
    seen.done += request.end == kForever ? 0U : 1U;
    seen.in_order = seen.in_order && request.end >= last_end;
    last_end = request.end;
  }
}

Result<Doorbells> ring_while_off(Session& session, std::uint32_t requests) {
  const Program program = submitter(session.backend().info().gpus.front(), requests);
  Pid pid;
  GPREEMPT_TRY(store(pid, session.testbed().launch(program)));
  Followed process;
  GPREEMPT_TRY(store(process, session.follow(pid, AttachMode::kControl)));
  GPREEMPT_TRY(session.suspend(process).map([](const ControlDone& /*done*/) {}));
  session.testbed().start();
  GPREEMPT_TRY(session.wait((requests + 2) * kPeriod));
  Doorbells seen;
  seen.rung = session.testbed().requests(pid).size();
  seen.resumed = session.backend().now();
  GPREEMPT_TRY(session.resume(process).map([](const ControlDone& /*done*/) {}));
  const auto is_done = [&] {
    return session.testbed().progress(pid).requests_completed >= seen.rung;
  };
  // Work that is lost does not come; that is an answer, not an error.
  const Result<void> waited = session.wait_until(is_done);
  if (!waited && waited.error().code != Errc::kTimedOut) {
    return tl::unexpected<Error>(waited.error());
  }
  look_back(session.testbed().requests(pid), seen);
  return seen;
}

std::vector<Verdict> judge_doorbells(const Doorbells& seen, std::uint32_t requests) {
  Verdict submit{
      .name = "doorbell/submits-while-unmapped",
      .value = static_cast<double>(seen.rung),
      .expected = static_cast<double>(requests),
      .answer = seen.rung == requests ? Answer::kYes : Answer::kNo,
      .reason = fmt::format("the process wrote {} of {} requests to its ring and rang the "
                            "doorbell while the queue was suspended",
                            seen.rung, requests)};
  Verdict waits{.name = "doorbell/runs-while-unmapped",
                .value = static_cast<double>(seen.begun),
                .expected = 0.0,
                .answer = seen.begun == 0 ? Answer::kNo : Answer::kYes,
                .reason = fmt::format("{} of them began before the resume", seen.begun)};
  Verdict after{
      .name = "doorbell/runs-after-remap",
      .value = static_cast<double>(seen.done),
      .expected = static_cast<double>(requests),
      .answer = seen.done == seen.rung && seen.in_order ? Answer::kYes : Answer::kNo,
      .reason = fmt::format("{} of {} ended after the resume, {}; no doorbell was rung again",
                            seen.done, seen.rung,
                            seen.in_order ? "in the order in which they were written"
                                          : "in another order than they were written")};
  add_agreement(submit, seen.rung == requests ? requests : 0, requests);
  add_agreement(waits, seen.begun == 0 ? seen.rung : seen.begun, seen.rung);
  add_agreement(after, after.answer == Answer::kYes ? seen.rung : 0, seen.rung);
  if (seen.first_wave != kForever) {
    after.numbers.emplace_back("resume_to_first_wave_ns",
                               static_cast<double>(to_ns(seen.first_wave - seen.resumed)));
  }
  return {std::move(submit), std::move(waits), std::move(after)};
}

}  // namespace

Result<std::vector<Verdict>> run_doorbell(const Setting& setting) {
  const std::uint32_t requests = setting.quick ? 5 : 50;
  return in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
    return ring_while_off(session, requests).map([&](const Doorbells& seen) {
      return judge_doorbells(seen, requests);
    });
  });
}

}  // namespace gpreempt::experiments
