#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

/// What a test that runs in every world needs: the world as a parameter, and programs to run in it.
namespace gpreempt::contract {

/// The least and the most that a latency may be.
struct Band {
  Duration least{};
  Duration most{};
};

/// One world in which the contract tests run.
struct TestbedCase {
  std::string name;  ///< last part of the test's name, e.g. "Mi308x"
  /// Errors: why this world cannot be opened here; its tests are then skipped with that sentence.
  std::function<Result<std::unique_ptr<Testbed>>()> open;
  /// What the model file's priors allow one SUSPEND_QUEUES of `offline_training`, alone on the GPU
  /// and not its first, to take; empty where there is nothing to hold it against.
  std::optional<Band> suspend_band{};
};

/// Prints the name: a failing test names its world.
void PrintTo(const TestbedCase& world, std::ostream* out);

/// "sim", "vkfd" or "kfd": what `tests/expectations` calls the worlds of a test program. Each
/// `main_*.cc` defines it.
[[nodiscard]] std::string_view world_name();

/// The worlds of a test program: each `main_*.cc` defines it. Called while tests are being
/// registered, so it must open nothing.
[[nodiscard]] std::vector<TestbedCase> testbed_cases();

/// One world for each kind of firmware that it can be opened with: rings whose read index passes a
/// packet when its kernel begins, and when it ends. Where the firmware is what it is, that one.
[[nodiscard]] std::vector<TestbedCase> firmware_cases();

/// Worlds whose costs are drawn from the model file's priors; where they are what they are, that
/// one.
[[nodiscard]] std::vector<TestbedCase> drawn_cases();

/// An Offline job without end on queue 0: kernels of 2 ms that leave room on the GPU for others.
[[nodiscard]] Program offline_training(std::uint32_t queues = 1);

/// What a finite program comes to in the end.
struct Total {
  std::uint64_t requests = 0;
  std::uint64_t kernels = 0;
  Duration work{};
};
[[nodiscard]] Total total_of(const Program& program);

/// An Offline job of `batches` batches of 10 ms, all there from the start, dealt out to `queues`
/// queues.
[[nodiscard]] Program offline_batches(std::uint32_t batches, std::uint32_t queues = 1);

/// An Online service with `requests` requests of 20 ms, `period` apart, that gives hints without
/// delay.
[[nodiscard]] Program online_service(std::uint32_t requests, Duration period);

}  // namespace gpreempt::contract
