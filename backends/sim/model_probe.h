#pragma once

#include <cstdint>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "core/testbed.h"

namespace gpreempt::sim {

/// The driver model's raw interface, called by a process of its own.
class ModelProbe final : public DriverProbe {
 public:
  explicit ModelProbe(System& system) : system_(system) {}

  [[nodiscard]] Result<void> enable(Pid target) override;
  [[nodiscard]] Result<std::vector<std::uint32_t>> snapshot(Pid target, bool clear_new) override;
  [[nodiscard]] Result<std::vector<Outcome>> suspend(Pid target,
                                                     std::vector<std::uint32_t> ids) override;
  [[nodiscard]] Result<std::vector<Outcome>> resume(Pid target,
                                                    std::vector<std::uint32_t> ids) override;
  [[nodiscard]] Result<void> disable(Pid target) override;

 private:
  [[nodiscard]] KfdModel::Caller caller();
  [[nodiscard]] Result<std::vector<Outcome>> control(bool suspends, Pid target,
                                                     std::vector<std::uint32_t> ids);

  System& system_;
  std::int32_t process_ = 0;
};

}  // namespace gpreempt::sim
