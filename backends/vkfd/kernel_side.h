#pragma once

#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"

namespace gpreempt::vkfd {

/// A process as the kernel counts it: a killed one is gone only when its last thread has left the
/// driver. Outlives the process, for the replies that come after its death.
class SimOs::KernelSide {
 public:
  KernelSide(Machine& machine, Pid pid) : machine_(machine), pid_(pid) {}

  void enter() { ++calls_; }
  void leave() {
    --calls_;
    end_if_gone();
  }
  void die() {
    dying_ = true;
    machine_.system().kfd().interrupt(pid_);
    end_if_gone();
  }

 private:
  void end_if_gone() {
    if (dying_ && calls_ == 0) {
      machine_.processes().abandon(pid_);
      machine_.system().kfd().exit_process(pid_);
      machine_.processes().killed(pid_);
    }
  }

  Machine& machine_;
  Pid pid_;
  int calls_ = 0;
  bool dying_ = false;
};

}  // namespace gpreempt::vkfd
