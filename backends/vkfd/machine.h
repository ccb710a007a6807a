#pragma once

#include "backends/kfd/os.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/file_tree.h"
#include "backends/vkfd/process_table.h"

namespace gpreempt::vkfd {

/// A simulated machine as programs on its host see it: what all its virtual processes share.
class Machine {
 public:
  /// Both must outlive it. It takes over `System::on_exit`.
  Machine(sim::World& world, sim::System& system)
      : world_(world), system_(system), processes_(system) {
    put_sysfs(files_, system.options());
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() = default;

  [[nodiscard]] sim::World& world() { return world_; }
  [[nodiscard]] sim::System& system() { return system_; }
  [[nodiscard]] FileTree& files() { return files_; }
  [[nodiscard]] ProcessTable& processes() { return processes_; }
  [[nodiscard]] kfd::Tid new_tid() { return next_tid_++; }

 private:
  /// Threads of ours besides the first of each process, which has the process's number.
  static constexpr kfd::Tid kFirstTid = 2'000'000;

  sim::World& world_;
  sim::System& system_;
  FileTree files_;
  ProcessTable processes_;
  kfd::Tid next_tid_ = kFirstTid;
};

}  // namespace gpreempt::vkfd
