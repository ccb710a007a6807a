#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/system.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

/// The modelled worlds in which the experiments are tested.
namespace gpreempt::experiments::testing {

enum class Kind { kSim, kVkfd };
void PrintTo(Kind kind, std::ostream* out);
[[nodiscard]] std::string name_of(Kind kind);

/// An MI308X with 8 kernel compute queues under dkms-6.12.12, as `gpreempt experiment` has it.
[[nodiscard]] sim::SystemOptions machine();

/// Quick, with seed 1. Only in a test's body: the worlds are those of the running program.
[[nodiscard]] Setting setting_of(Kind kind);

/// Runs one; an error fails the test.
[[nodiscard]] std::vector<Verdict> run(std::string_view experiment, const Setting& setting);

/// Of that name; none fails the test.
[[nodiscard]] Verdict find(const std::vector<Verdict>& verdicts, std::string_view name);
/// The number of that name; none fails the test.
[[nodiscard]] double number(const Verdict& verdict, std::string_view key);

/// Runs all tests inside the one party of the one engine that a process may have.
[[nodiscard]] int run_tests_in_world();

}  // namespace gpreempt::experiments::testing
