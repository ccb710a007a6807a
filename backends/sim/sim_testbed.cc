#include "backends/sim/sim_testbed.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "backends/sim/model_probe.h"
#include "backends/sim/sim_backend.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

Timeline& restarted(Timeline& timeline) {
  timeline.restart();
  return timeline;
}

class SimTestbed final : public SystemTestbed {
 public:
  SimTestbed(Timeline& timeline, const SystemOptions& options, const DecorateBackend& decorate)
      : SystemTestbed(timeline, options), probe_(system()) {
    auto own = std::make_unique<SimBackend>(system());
    sim_backend_ = own.get();
    std::unique_ptr<Backend> backend = std::move(own);
    backend_ = make_checked_backend(decorate ? decorate(std::move(backend)) : std::move(backend));
  }

  [[nodiscard]] Backend& backend() override {
    GPREEMPT_CHECK(backend_ != nullptr);
    return *backend_;
  }
  [[nodiscard]] DriverProbe& probe() override { return probe_; }
  void kill_controller() override {
    sim_backend_ = nullptr;
    backend_.reset();
  }
  [[nodiscard]] Result<void> freeze_controller() override {
    GPREEMPT_CHECK(sim_backend_ != nullptr);
    sim_backend_->freeze();
    return {};
  }
  [[nodiscard]] Result<void> thaw_controller() override {
    GPREEMPT_CHECK(sim_backend_ != nullptr);
    sim_backend_->thaw();
    return {};
  }
  [[nodiscard]] Result<void> rescue(Pid pid) override {
    return fail(Errc::kUnsupported,
                fmt::format("rescue process {}: the sim world has a model of the driver only, and "
                            "no client that rescues; use the vkfd world",
                            pid));
  }

 private:
  std::unique_ptr<Backend> backend_;
  SimBackend* sim_backend_ = nullptr;  ///< beneath it
  ModelProbe probe_;
};

}  // namespace

SystemTestbed::SystemTestbed(Timeline& timeline, const SystemOptions& options)
    : timeline_(restarted(timeline)), system_(timeline_, options) {}

SystemTestbed::~SystemTestbed() = default;

Result<void> SystemTestbed::wait(Duration duration) {
  const std::unique_ptr<Waiter> waiter = timeline_.make_waiter("time to pass");
  const Result<bool> woken = waiter->wait(
      saturating_add(timeline_.now(), GPREEMPT_MUTANT("half-is-waited") ? duration / 2 : duration));
  return woken ? Result<void>{} : tl::unexpected<Error>(woken.error());
}

std::unique_ptr<Testbed> open_sim_testbed(Timeline& timeline, const SystemOptions& options,
                                          const DecorateBackend& decorate) {
  return std::make_unique<SimTestbed>(timeline, options, decorate);
}

}  // namespace gpreempt::sim
