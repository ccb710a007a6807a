#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "config/document.h"
#include "conformance/linux_actors.h"
#include "conformance/linux_worker.h"
#include "conformance/record.h"
#include "conformance/run.h"
#include "conformance/scenario.h"
#include "conformance/sequences.h"
#include "core/error.h"

/// The cases and sequences on the kernel that runs here, without anything that needs a library:
/// for a virtual machine that has nothing else. Prints failures, then the record.
namespace {

using gpreempt::Errc;
using gpreempt::fail;
using gpreempt::Result;
namespace conformance = gpreempt::conformance;

constexpr std::string_view kUsage =
    "usage: gpreempt_conformance_kfd [--sequences N] [--seed N] [--personality NAME]\n"
    "Runs the conformance cases, and N sequences (default 0), on /dev/kfd. Needs root.\n"
    "Exit codes: 0 all as expected, 1 not all, 2 usage, 3 no usable /dev/kfd.\n";

struct Options {
  std::size_t sequences = 0;
  std::uint64_t seed = 1;
  std::string personality = conformance::running_personality();
};

Result<Options> read_options(const std::vector<std::string_view>& arguments) {
  Options options;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    const std::string_view value = arguments[i + 1];
    const auto number = [&](auto& into) {
      const auto* const end = std::to_address(value.end());
      const auto read = std::from_chars(std::to_address(value.begin()), end, into);
      return read.ec == std::errc() && read.ptr == end;
    };
    const bool known = (arguments[i] == "--sequences" && number(options.sequences)) ||
                       (arguments[i] == "--seed" && number(options.seed)) ||
                       arguments[i] == "--personality";
    if (!known) {
      return fail(Errc::kInvalidArgument, std::string(kUsage));
    }
    if (arguments[i] == "--personality") {
      options.personality = value;
    }
  }
  if (arguments.size() % 2 != 0) {
    return fail(Errc::kInvalidArgument, std::string(kUsage));
  }
  return options;
}

Result<bool> run(const Options& options) {
  conformance::Plan plan{.scenarios = {},
                         .sequences = conformance::some_sequences(options.sequences, options.seed),
                         .personality = options.personality};
  GPREEMPT_TRY(gpreempt::store(plan.scenarios, conformance::load_scenarios(std::nullopt)));
  if (!plan.scenarios.front().evidence.contains(options.personality)) {
    return fail(Errc::kInvalidArgument, "--personality " + options.personality +
                                            ": no such driver\n" + std::string(kUsage));
  }
  GPREEMPT_TRY(conformance::LinuxActors::check(plan.scenarios));
  conformance::LinuxActors actors;
  conformance::Findings findings;
  GPREEMPT_TRY(
      gpreempt::store(findings, conformance::run_plan(actors, plan, [](const std::string& what) {
                        fmt::print("# {}\n", what);
                        (void)std::fflush(stdout);
                      })));
  for (const conformance::ScenarioResult& scenario : findings.scenarios) {
    for (const conformance::CaseResult& each : scenario.cases) {
      if (!each.passed()) {
        fmt::print("DIFFERENT {}: {}: {}, expected {}\n", scenario.of->name, each.of->name,
                   each.value, each.expected);
      }
    }
  }
  fmt::print("{}", conformance::record_text(findings.record, conformance::running_kernel()));
  fmt::print("{} cases, {} different from {}; {} sequences\n", findings.cases, findings.failed,
             options.personality, plan.sequences.size());
  return findings.failed == 0;
}

int report(const gpreempt::Error& error) {
  fmt::print(stderr, "gpreempt_conformance_kfd: {}\n", error.what);
  constexpr int kUsageCode = 2;
  constexpr int kEnvironmentCode = 3;
  return error.code == Errc::kInvalidArgument ? kUsageCode : kEnvironmentCode;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    conformance::serve_if_actor(argc, argv);
    const Result<Options> options = read_options({argv + 1, argv + argc});
    if (!options) {
      return report(options.error());
    }
    const Result<bool> passed = run(*options);
    return passed ? (*passed ? 0 : 1) : report(passed.error());
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "gpreempt_conformance_kfd: internal error: %s\n", error.what());
    return 4;
  }
}
