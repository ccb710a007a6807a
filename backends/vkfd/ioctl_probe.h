#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"

namespace gpreempt::vkfd {

/// A second controller that makes the ioctls itself: a process of its own on the machine, whose
/// only thread is the calling party. Blocks: as long as the driver's calls do.
class IoctlProbe final : public DriverProbe {
 public:
  explicit IoctlProbe(Machine& machine) : machine_(machine) {}

  [[nodiscard]] Result<void> enable(Pid target) override;
  [[nodiscard]] Result<std::vector<std::uint32_t>> snapshot(Pid target, bool clear_new) override;
  [[nodiscard]] Result<std::vector<Outcome>> suspend(Pid target,
                                                     std::vector<std::uint32_t> ids) override;
  [[nodiscard]] Result<std::vector<Outcome>> resume(Pid target,
                                                    std::vector<std::uint32_t> ids) override;
  [[nodiscard]] Result<void> disable(Pid target) override;

 private:
  [[nodiscard]] Result<void> open();
  [[nodiscard]] kfd::SysResult<long> call(Pid target, kfd::abi::TrapOp op,
                                          kfd::abi::TrapArgs& args);
  [[nodiscard]] Result<void> let_go(Pid target);

  Machine& machine_;
  std::shared_ptr<SimOs> os_;  ///< from the first call on
  kfd::Fd device_ = kfd::kNoFd;
  kfd::PipeEnds notify_;
};

}  // namespace gpreempt::vkfd
