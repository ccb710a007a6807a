// V4: what an announced request still waits for, against how long before its launch it is known.
#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/serving.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

/// What sharing adds to a request that is announced `preparation` before its launch, beside a job
/// that fills the GPU.
Result<double> added_ms(Hardware& hardware, Duration preparation) {
  std::vector<Program> programs;
  Program online{.name = "online", .hints = true};
  online.trains = {{{.count = 100,
                     .duration = std::chrono::microseconds(34),
                     .shape = {.workgroups = 120, .waves = 4, .vgprs = 64}}}};
  for (int i = 0; i < 450; ++i) {
    // Every 10 ms and a little, so that requests meet every phase of the job's kernels.
    online.arrivals.push_back({.at = std::chrono::microseconds(10'017) * i, .train = 0});
  }
  online.preparation = preparation;
  programs.push_back(online);
  Measured alone;
  GPREEMPT_TRY(store(alone, measure(hardware, "mi100", programs, {})));
  programs.push_back({.name = "offline",
                      .offline = true,
                      .endless = true,
                      .trains = {{{.count = 1,
                                   .duration = std::chrono::milliseconds(1),
                                   .shape = {.workgroups = 1200, .waves = 4, .vgprs = 24}}}}});
  return measure(hardware, "mi100", std::move(programs), {.policy = "suspend"})
      .map([&](const Measured& shared) { return shared.latency_ms - alone.latency_ms; });
}

}  // namespace

std::vector<Target> preparation_targets() {
  std::vector<Target> targets;
  struct Row {
    int a100_us;
    double published;
    const char* miss;
  };
  const char* const knee =
      "the published time falls at once between 100 and 150 us; here preparation takes as much off "
      "as it lasts";
  const char* const residual =
      "a fifth stays on an A100 however long the preparation, which the paper puts down to caches; "
      "nothing of that is modelled";
  // The published times are of an A100, ours of an MI100. Their shape is compared: what preparation
  // leaves of the latency added without any, at equal parts of the time that the authors' code
  // allows a switch, 100 us there and 200 us on AMD. Points of the plateau differ by 2 us of 82:
  // a tenth of the whole is left for reading the figure.
  constexpr int kMi100OverA100 = 2;
  for (const Row& row : {Row{50, 56, ""}, Row{100, 44, knee}, Row{150, 17, residual},
                         Row{200, 18, residual}, Row{250, 16, residual}}) {
    const int ours_us = kMi100OverA100 * row.a100_us;
    targets.push_back(
        {.group = "V4",
         .name = fmt::format("v4-preparation-{}us", ours_us),
         .unit = "of that without",
         .expected = row.published / 82,
         .tolerance = within(0.1),
         .label = Label::kPredicted,
         .source = fmt::format("GPreempt (ATC 2025) Fig. 7a on A100, {} us: {:g} of 82 us",
                               row.a100_us, row.published),
         .miss = row.miss,
         .run = [ours_us](Hardware& hardware) -> Result<double> {
           double with = 0;
           double without = 0;
           GPREEMPT_TRY(store(with, added_ms(hardware, std::chrono::microseconds(ours_us))));
           GPREEMPT_TRY(store(without, added_ms(hardware, {})));
           return with / without;
         }});
  }
  return targets;
}

}  // namespace gpreempt::validation
