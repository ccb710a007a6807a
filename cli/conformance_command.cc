#include "cli/conformance_command.h"

#include <string>

#include "cli/conformance_options.h"
#include "cli/exit_code.h"
#include "core/error.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ios>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "cli/conformance_report.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "conformance/actors.h"
#include "conformance/linux_actors.h"
#include "conformance/record.h"
#include "conformance/scenario.h"
#include "conformance/sequences.h"
#include "core/nearest.h"
#endif
#ifdef GPREEMPT_CLI_HAS_VKFD
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "conformance/model/model_actors.h"
#endif

namespace gpreempt::cli {

#ifdef GPREEMPT_CLI_HAS_KFD

namespace {

/// Every scenario if `only` is empty.
Result<std::vector<conformance::Scenario>> wanted(const ConformanceOptions& options) {
  std::vector<conformance::Scenario> all;
  GPREEMPT_TRY(store(all, conformance::load_scenarios(options.cases)));
  std::vector<std::string_view> names;
  std::ranges::transform(all, std::back_inserter(names), &conformance::Scenario::name);
  for (const std::string& name : options.only) {
    if (std::ranges::find(names, name) == names.end()) {
      return fail(Errc::kInvalidArgument, fmt::format("reading --only '{}': no such scenario{}",
                                                      name, suggestion(name, names)));
    }
  }
  if (!options.only.empty()) {
    std::erase_if(all, [&](const conformance::Scenario& scenario) {
      return std::ranges::find(options.only, scenario.name) == options.only.end();
    });
  }
  return all;
}

std::string personality_of(const BackendChoice& backend) {
  if (!backend.personality.empty()) {
    return backend.personality;
  }
  return backend.kind == BackendKind::kKfd ? conformance::running_personality()
                                           : std::string("upstream-6.12.107");
}

using Body = std::function<Result<void>(conformance::Actors&)>;

#ifdef GPREEMPT_CLI_HAS_VKFD
/// No exception may leave a party of the world; the one that ends a party is not a std::exception.
Result<void> guarded_body(const Body& body, conformance::Actors& actors) {
  try {
    return body(actors);
  } catch (const std::exception& error) {
    return fail(Errc::kInternal, std::string("running the cases: ") + error.what());
  }
}

Result<void> with_model(const BackendChoice& backend, const sim::Personality& personality,
                        const Body& body) {
  constexpr std::uint32_t kKernelQueues = 8;
  sim::Model model;
  GPREEMPT_TRY(store(
      model, sim::find_model(backend.model.empty() ? "mi308x" : backend.model, kKernelQueues)));
  const sim::SystemOptions options{.gpu = model.point, .personality = personality};
  sim::World world;
  Result<void> result;
  GPREEMPT_TRY(world.run([&] {
    conformance::ModelActors actors(world, options);
    result = guarded_body(body, actors);
  }));
  return result;
}
#else
Result<void> with_model(const BackendChoice& /*backend*/, const sim::Personality& /*personality*/,
                        const Body& /*body*/) {
  return fail(Errc::kUnsupported,
              "conformance: the virtual driver was left out of this build; ask /dev/kfd with "
              "--backend kfd, or configure with GPREEMPT_WITH_SIM=ON where SimGrid is installed");
}
#endif

Result<void> with_actors(const BackendChoice& backend, const sim::Personality& personality,
                         std::span<const conformance::Scenario> scenarios, const Body& body) {
  if (backend.kind == BackendKind::kVkfd) {
    return with_model(backend, personality, body);
  }
  GPREEMPT_TRY(conformance::LinuxActors::check(scenarios));
  conformance::LinuxActors actors;
  return body(actors);
}

Result<void> write_record(const std::filesystem::path& file, const ConformanceOutcome& outcome) {
  std::ofstream out(file, std::ios::binary);
  out << conformance::record_text(outcome.findings.record,
                                  fmt::format("{} as {}", outcome.driver, outcome.personality));
  out.close();
  if (!out) {
    return fail(Errc::kIo,
                fmt::format("write {}: it cannot be written; name another file", file.string()));
  }
  return {};
}

}  // namespace

Result<ExitCode> conformance_command(const ConformanceOptions& options) {
  ConformanceOutcome outcome;
  outcome.personality = personality_of(options.backend);
  sim::Personality personality;
  GPREEMPT_TRY(store(personality, sim::find_personality(outcome.personality)));
  outcome.driver =
      options.backend.kind == BackendKind::kVkfd ? "vkfd" : conformance::running_kernel();
  conformance::Record recorded;
  if (!options.compare.empty()) {
    GPREEMPT_TRY(store(recorded, conformance::read_record(options.compare)));
  }
  conformance::Plan plan{.scenarios = {},
                         .sequences = conformance::some_sequences(options.sequences, options.seed),
                         .personality = outcome.personality};
  GPREEMPT_TRY(store(plan.scenarios, wanted(options)));
  outcome.sequences = plan.sequences.size();
  Progress progress(options.quiet);
  GPREEMPT_TRY(
      with_actors(options.backend, personality, plan.scenarios, [&](conformance::Actors& actors) {
        return store(outcome.findings, conformance::run_plan(actors, plan, [&](const auto& what) {
                       progress.phase(what);
                     }));
      }));
  progress.finish();
  if (!options.record.empty()) {
    GPREEMPT_TRY(write_record(options.record, outcome));
  }
  if (!options.compare.empty()) {
    outcome.compared_with = options.compare.string();
    outcome.differences = conformance::compare(outcome.findings.record, recorded);
  }
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? conformance_json(outcome)
                                                           : conformance_text(outcome)));
  const bool same = outcome.findings.failed == 0 && outcome.differences.empty();
  return same ? ExitCode::kOk : ExitCode::kGateFailed;
}

#else

Result<ExitCode> conformance_command(const ConformanceOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "conformance: the KFD backend was left out of this build; configure with "
              "GPREEMPT_WITH_KFD=ON on Linux");
}

#endif

}  // namespace gpreempt::cli
