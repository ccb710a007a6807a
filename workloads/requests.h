#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

/// Private to workloads: when requests arrive, before their work is made.
namespace gpreempt {

struct Requests {
  /// As the trace has them.
  struct Tokens {
    std::uint32_t context = 0;
    std::uint32_t output = 0;
  };
  std::vector<Duration> times;
  std::vector<Tokens> tokens;  ///< from a trace: one per time; otherwise empty
};

/// The requests of every tenant with a trace, and the run's duration.
struct Traced {
  std::map<std::string, Requests> requests;
  Duration duration{};
};

/// Reads the traces that the scenario and `CompileOptions::traces` name, and adds what people
/// should know of them to `notes`. Errors: kInvalidArgument, kIo, kParse, as `compile`.
[[nodiscard]] Result<Traced> read_traces(const Scenario& scenario, const CompileOptions& options,
                                         std::vector<std::string>& notes);

/// The requests of one tenant; none of an endless one, and none of a closed loop, whose requests
/// have no instants before they are issued. Errors: kInvalidArgument (too many).
[[nodiscard]] Result<Requests> requests_of(const TenantScenario& tenant, const Traced& traced,
                                           std::uint64_t seed);

}  // namespace gpreempt
