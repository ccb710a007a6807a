#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/file_tree.h"
#include "backends/vkfd/kernel_log_file.h"
#include "backends/vkfd/process_table.h"
#include "backends/vkfd/socket_file.h"
#include "backends/vkfd/user_memory.h"
#include "core/ids.h"

namespace gpreempt::vkfd {

/// A simulated machine as programs on its host see it: what all its virtual processes share.
class Machine {
 public:
  /// Both must outlive it. It takes over `System::on_exit`.
  Machine(sim::World& world, sim::System& system)
      : world_(world), system_(system), processes_(system) {
    put_sysfs(files_, system.options());
    put_debugfs(files_, system);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() = default;

  [[nodiscard]] sim::World& world() { return world_; }
  [[nodiscard]] sim::System& system() { return system_; }
  [[nodiscard]] FileTree& files() { return files_; }
  [[nodiscard]] ProcessTable& processes() { return processes_; }
  [[nodiscard]] const UserMemory& memory() const { return memory_; }
  /// What /dev/kmsg shows, root's alone (as where kernel.dmesg_restrict is 1).
  [[nodiscard]] KernelRing& kernel_log() { return kernel_log_; }
  /// Where sockets were made; an entry whose socket is gone refuses connections.
  struct SocketPlace {
    std::weak_ptr<ListeningSocket> socket;
    std::uint32_t user = 0;  ///< its owner
    bool is_open = false;    ///< others than its owner may connect, too
  };
  [[nodiscard]] std::map<std::string, SocketPlace>& sockets() { return sockets_; }
  /// A program that was started: its words, and what was added to its environment.
  struct Started {
    std::vector<std::string> argv;
    std::vector<std::string> env;
  };
  /// What starting a program does: launches a process of the simulated system, and begins whatever
  /// else belongs to it. From a party, which it may block. Errors: of execve.
  using Installed = std::function<kfd::SysResult<Pid>(const Started&)>;
  /// From now on `Os::start` finds a program by this name, with or without a folder before it.
  void install(std::string name, Installed program) {
    programs_.insert_or_assign(std::move(name), std::move(program));
  }
  /// Null: there is none.
  [[nodiscard]] const Installed* installed(const std::string& name) const {
    const auto found = programs_.find(name);
    return found == programs_.end() ? nullptr : &found->second;
  }
  /// A thread of `process` besides its first one, which has the process's number.
  [[nodiscard]] kfd::Tid new_tid(Pid process) {
    threads_.emplace(next_tid_, process);
    return next_tid_++;
  }
  /// The process that a thread's number belongs to; a number of no such thread is a process's.
  [[nodiscard]] Pid process_of(kfd::Tid tid) const {
    const auto found = threads_.find(tid);
    return found == threads_.end() ? Pid(tid) : found->second;
  }
  /// Permissions of /dev/kfd. Root's only as devtmpfs makes it; udev's rules widen that.
  [[nodiscard]] std::uint32_t device_mode() const { return device_mode_; }
  void set_device_mode(std::uint32_t mode) { device_mode_ = mode; }

 private:
  static constexpr kfd::Tid kFirstTid = 2'000'000;
  static constexpr std::uint32_t kOpenToAll = 0666;

  sim::World& world_;
  sim::System& system_;
  FileTree files_;
  ProcessTable processes_;
  UserMemory memory_;
  KernelRing kernel_log_;
  std::map<std::string, SocketPlace> sockets_;
  std::map<std::string, Installed> programs_;
  std::map<kfd::Tid, Pid> threads_;
  kfd::Tid next_tid_ = kFirstTid;
  std::uint32_t device_mode_ = kOpenToAll;
};

}  // namespace gpreempt::vkfd
