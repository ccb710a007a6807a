#include <fmt/format.h>

#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/random.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/queueing.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr QueueingRun kRun{.requests = 500'000, .runs = 1, .seed = 20260101};
constexpr double kMeanNs = 1e5;
constexpr double kPercent = 1;

/// M/G/1, first come first served. The sample's moments are in the formula, so a ratio is held
/// against 1.
Target mg1(double load) {
  return {.group = "mg1-fcfs",
          .name = fmt::format("mg1-fcfs-{:.0f}", 100 * load),
          .unit = "sojourn / formula",
          .expected = 1,
          .tolerance = within_percent(kPercent),
          .label = Label::kPredicted,
          .source = "Pollaczek-Khinchine, exponential service",
          .run = [load](Hardware& /*hardware*/) -> Result<double> {
            Comparison result;
            GPREEMPT_TRY(store(
                result, mg1_fcfs(
                            load, [](RandomStream& random) { return random.exponential(kMeanNs); },
                            kMeanNs, kRun)));
            return result.simulated / result.expected;
          }};
}

}  // namespace

std::vector<Target> closed_form_targets() { return {mg1(0.3), mg1(0.5), mg1(0.7), mg1(0.9)}; }

}  // namespace gpreempt::validation
