#include "backends/vkfd/vkfd_testbed.h"

#include <exception>
#include <memory>
#include <utility>

#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/os.h"
#include "backends/kfd/rescue.h"
#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/ioctl_probe.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::vkfd {
namespace {

class VkfdTestbed final : public sim::SystemTestbed {
 public:
  VkfdTestbed(sim::World& world, const sim::SystemOptions& options)
      : SystemTestbed(world.timeline(), options),
        machine_(world, system()),
        os_(SimOs::open(machine_)),
        probe_(machine_) {}
  VkfdTestbed(const VkfdTestbed&) = delete;
  VkfdTestbed& operator=(const VkfdTestbed&) = delete;

  ~VkfdTestbed() override {
    if (std::uncaught_exceptions() == 0) {
      kill_controller();
      return;
    }
    // The world is ending this party, and the workers after it: each unwinds its own stack.
    os_->abandon();
    drop_backend();
  }

  [[nodiscard]] Result<void> open_backend(const VkfdOptions& more) {
    if (more.wrap) {
      wrapped_ = more.wrap(*os_);
    }
    // Attached at once, as in the other worlds, so that runs can be compared event by event.
    auto opened =
        kfd::open_backend(wrapped_ != nullptr ? *wrapped_ : *os_,
                          {.rescan_period = more.rescan_period, .first_queue_poll = Duration{}});
    if (!opened) {
      return tl::unexpected<Error>(std::move(opened).error());
    }
    system().observe(opened->get(), nullptr);
    std::unique_ptr<Backend> backend = *std::move(opened);
    backend_ = make_checked_backend(more.decorate ? more.decorate(std::move(backend))
                                                  : std::move(backend));
    return {};
  }

  [[nodiscard]] Backend& backend() override {
    GPREEMPT_CHECK(backend_ != nullptr);
    return *backend_;
  }
  [[nodiscard]] DriverProbe& probe() override { return probe_; }

  void kill_controller() override {
    os_->kill();
    drop_backend();
  }

  [[nodiscard]] Result<void> freeze_controller() override {
    os_->freeze();
    return {};
  }
  [[nodiscard]] Result<void> thaw_controller() override {
    os_->thaw();
    return {};
  }
  [[nodiscard]] Result<void> rescue(Pid pid) override {
    const std::shared_ptr<SimOs> other = SimOs::open(machine_);
    const Result<kfd::Rescued> rescued = kfd::rescue(*other, pid);
    other->kill();
    GPREEMPT_TRY(rescued);
    return {};
  }

 private:
  void drop_backend() {
    system().observe(nullptr, nullptr);
    backend_.reset();
  }

  Machine machine_;
  std::shared_ptr<SimOs> os_;
  std::unique_ptr<kfd::Os> wrapped_;  ///< null: `os_` itself
  std::unique_ptr<Backend> backend_;
  IoctlProbe probe_;
};

}  // namespace

Result<std::unique_ptr<Testbed>> open_vkfd_testbed(sim::World& world,
                                                   const sim::SystemOptions& options,
                                                   const VkfdOptions& more) {
  auto testbed = std::make_unique<VkfdTestbed>(world, options);
  GPREEMPT_TRY(testbed->open_backend(more));
  return testbed;
}

}  // namespace gpreempt::vkfd
