#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/host_launcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/occupancy_recorder.h"
#include "backends/sim/program_runner.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/program.h"
#include "core/testbed.h"

namespace gpreempt::sim {

struct SystemOptions {
  GpuParameters gpu;
  std::uint32_t gpus = 1;
  Personality personality;
  std::uint64_t seed = 1;
  bool skip_ahead = true;  ///< see `WaveDispatcher::Options`
  bool operator==(const SystemOptions&) const = default;
};

/// A simulated machine: GPUs, the driver, and the processes that use them. What runs against it
/// (the sim backend, or the KFD backend on the virtual KFD) is not part of it.
class System {
 public:
  System(Timeline& timeline, const SystemOptions& options);
  System(const System&) = delete;
  System& operator=(const System&) = delete;
  ~System();

  [[nodiscard]] Timeline& timeline() { return timeline_; }
  [[nodiscard]] KfdModel& kfd() { return *kfd_; }
  [[nodiscard]] Gpu& gpu(std::uint32_t index) { return *gpus_[index]; }
  [[nodiscard]] const SystemOptions& options() const { return options_; }

  /// A new process that only talks to the driver: a controller.
  Pid add_controller();
  /// A new process that has nothing to do with the driver yet.
  Pid add_task();
  /// Where processes report their work from now on; null for nowhere.
  void observe(HintSink* hints, WorkObserver* observer);

  // What `Testbed` asks for, see there. `launch` and those that create queues
  // block.
  [[nodiscard]] Result<Pid> launch(Program program);
  Instant start();
  [[nodiscard]] Result<void> create_queue(Pid pid);
  [[nodiscard]] Result<void> create_idle_queue(Pid pid, std::uint32_t gpu);
  void exit(Pid pid);
  [[nodiscard]] Result<void> destroy_queue(Pid pid);
  [[nodiscard]] Result<void> set_runtime(Pid pid, bool enabled);
  [[nodiscard]] std::uint32_t calls_in_driver(Pid pid) const;
  [[nodiscard]] Result<void> exec(Pid pid);
  [[nodiscard]] Result<void> evict(Pid pid);
  [[nodiscard]] Result<void> hang_firmware(GpuId gpu);
  [[nodiscard]] ProgramProgress progress(Pid pid) const;
  [[nodiscard]] const std::vector<RequestRecord>& requests(Pid pid) const;
  void record_occupancy(std::size_t most);
  [[nodiscard]] const OccupancyRecord& occupancy() const;
  /// Of the program that it runs; empty if it is no workload.
  [[nodiscard]] std::string_view name_of(Pid pid) const;
  /// What the process' host launches; null if it is no workload.
  [[nodiscard]] HostLauncher* launcher(Pid pid) const;
  [[nodiscard]] bool exited(Pid pid) const { return !kfd_->alive(pid); }
  /// Called once for a process that ends.
  void on_exit(std::function<void(Pid)> callback) { on_exit_ = std::move(callback); }
  /// Called when a process executes another program, after the driver has dropped the old one.
  void on_exec(std::function<void(Pid)> callback) { on_exec_ = std::move(callback); }

 private:
  class Listener;
  [[nodiscard]] Result<void> check(const Program& program) const;
  [[nodiscard]] Result<std::uint32_t> create(Pid pid, const KfdModel::NewQueue& queue);
  [[nodiscard]] Result<long> wait_for(const char* what, Pid pid,
                                      const std::function<void(KfdModel::Reply)>& call);
  void queues_lost(Pid pid);
  [[nodiscard]] Result<void> check_alive(const char* what, Pid pid) const;
  void begin_set_runtime(Pid pid, bool enabled);
  [[nodiscard]] ProgramRunner& runner(Pid pid) const;
  [[nodiscard]] Result<void> add_runner(Pid pid, Program program);
  [[nodiscard]] Gang& gang_of(const GangPlace& place);
  void gang_timed_out(std::uint32_t gang);
  [[nodiscard]] Result<void> start_runtime(Pid pid, std::uint32_t gpu);
  [[nodiscard]] Result<void> create_queue_of(Pid pid, ProgramRunner& process);

  Timeline& timeline_;
  SystemOptions options_;
  std::vector<std::unique_ptr<Listener>> listeners_;  ///< one per GPU
  std::unique_ptr<OccupancyRecorder> recorder_;       ///< null: nobody asked
  std::vector<std::unique_ptr<Gpu>> gpus_;
  std::unique_ptr<KfdModel> kfd_;
  std::map<std::uint32_t, std::unique_ptr<Gang>> gangs_;  ///< by their number
  std::map<Pid, std::unique_ptr<ProgramRunner>> runners_;
  /// On the further GPUs of processes that have several.
  std::multimap<Pid, std::unique_ptr<ProgramRunner>> further_;
  HintSink* hints_ = nullptr;
  WorkObserver* observer_ = nullptr;
  std::function<void(Pid)> on_exit_;
  std::function<void(Pid)> on_exec_;
  std::map<Pid, std::uint32_t> calls_;     ///< in the driver
  std::map<Pid, std::uint32_t> programs_;  ///< executed besides the first one
  std::int32_t next_pid_ = 1000;
};

}  // namespace gpreempt::sim
