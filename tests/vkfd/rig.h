#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "core/error.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"

/// Shared by the tests of the virtual KFD.
namespace gpreempt::vkfd {

/// The one world of the program, made by its `main`.
[[nodiscard]] sim::World& world();

inline sim::SystemOptions options(std::string_view personality = "dkms-6.12.12") {
  constexpr std::uint32_t kKernelQueues = 8;
  return {.gpu = sim::find_model("mi308x", kKernelQueues).value().point,
          .personality = sim::find_personality(personality).value()};
}

/// Kernels that fill the GPU, without an end.
inline Program training(std::uint32_t queues) {
  const KernelRun kernel{.count = 10,
                         .duration = std::chrono::microseconds(300),
                         .shape = {.workgroups = 640, .waves = 4, .vgprs = 128}};
  return {
      .name = "training", .offline = true, .queues = queues, .endless = true, .trains = {{kernel}}};
}

/// Short requests at random distances, with hints.
inline Program inference(std::uint32_t requests, Duration mean_gap, std::uint64_t seed) {
  const KernelRun kernel{.count = 5,
                         .duration = std::chrono::microseconds(120),
                         .shape = {.workgroups = 80, .waves = 4, .vgprs = 64}};
  Program program{.name = "inference", .hints = true, .trains = {{kernel}}};
  RandomStream random(seed, "arrivals");
  Duration at{};
  for (std::uint32_t i = 0; i < requests; ++i) {
    at += Duration(
        static_cast<std::int64_t>(2 * random.uniform() * static_cast<double>(mean_gap.count())));
    program.arrivals.push_back({.at = at, .train = 0});
  }
  return program;
}

/// A machine and one process on it. From a party.
class Rig {
 public:
  explicit Rig(const sim::SystemOptions& of = options())
      : system_(restarted(), of), machine_(world(), system_), os_(SimOs::open(machine_)) {}

  [[nodiscard]] sim::System& system() { return system_; }
  [[nodiscard]] Machine& machine() { return machine_; }
  [[nodiscard]] SimOs& os() { return *os_; }

 private:
  static sim::Timeline& restarted() {
    world().timeline().restart();
    return world().timeline();
  }

  sim::System system_;
  Machine machine_;
  std::shared_ptr<SimOs> os_;
};

/// Runs a test's body in a party of the world. Errors: a deadlock.
[[nodiscard]] inline Result<void> run(const std::function<void()>& body) {
  return world().run(body);
}

}  // namespace gpreempt::vkfd
