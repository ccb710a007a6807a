#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/program.h"
#include "core/testbed.h"

namespace gpreempt::sim {

/// Everything of a testbed that does not depend on which backend runs on the simulated machine.
class SystemTestbed : public Testbed {
 public:
  SystemTestbed(const SystemTestbed&) = delete;
  SystemTestbed& operator=(const SystemTestbed&) = delete;
  ~SystemTestbed() override;
  [[nodiscard]] Result<Pid> launch(Program program) override {
    return system_.launch(std::move(program));
  }
  Instant start() override { return system_.start(); }
  [[nodiscard]] Result<void> create_queue(Pid pid) override { return system_.create_queue(pid); }
  [[nodiscard]] Result<void> create_idle_queue(Pid pid, std::uint32_t gpu) override {
    return system_.create_idle_queue(pid, gpu);
  }
  void exit(Pid pid) override { system_.exit(pid); }
  [[nodiscard]] Result<void> destroy_queue(Pid pid) override { return system_.destroy_queue(pid); }
  [[nodiscard]] Result<void> set_runtime(Pid pid, bool enabled) override {
    return system_.set_runtime(pid, enabled);
  }
  [[nodiscard]] std::uint32_t calls_in_driver(Pid pid) override {
    return system_.calls_in_driver(pid);
  }
  [[nodiscard]] Result<void> exec(Pid pid) override { return system_.exec(pid); }
  [[nodiscard]] Result<void> evict(Pid pid) override { return system_.evict(pid); }
  [[nodiscard]] Result<void> hang_firmware(GpuId gpu) override {
    return system_.hang_firmware(gpu);
  }
  [[nodiscard]] Result<void> wait(Duration duration) override;
  [[nodiscard]] ProgramProgress progress(Pid pid) override { return system_.progress(pid); }
  [[nodiscard]] const std::vector<RequestRecord>& requests(Pid pid) override {
    return system_.requests(pid);
  }
  [[nodiscard]] const std::vector<DriverCall>& driver_calls() override {
    return system_.kfd().calls();
  }
  [[nodiscard]] std::optional<DriverAudit> audit() override { return system_.kfd().audit(); }
  [[nodiscard]] Result<void> record_occupancy(std::size_t most) override {
    system_.record_occupancy(most);
    return {};
  }
  [[nodiscard]] const OccupancyRecord& occupancy() override { return system_.occupancy(); }
  [[nodiscard]] std::uint64_t engine_events() const override { return timeline_.fired(); }

 protected:
  /// Starts the timeline anew: one testbed at a time on it.
  SystemTestbed(Timeline& timeline, const SystemOptions& options);
  [[nodiscard]] System& system() { return system_; }

 private:
  Timeline& timeline_;
  System system_;
};

/// Puts something between a backend and its argument checks.
using DecorateBackend = std::function<std::unique_ptr<Backend>(std::unique_ptr<Backend>)>;

/// A simulated machine with the sim backend on it. `timeline` must outlive it and have nothing else
/// on it.
[[nodiscard]] std::unique_ptr<Testbed> open_sim_testbed(Timeline& timeline,
                                                        const SystemOptions& options,
                                                        const DecorateBackend& decorate = {});

}  // namespace gpreempt::sim
