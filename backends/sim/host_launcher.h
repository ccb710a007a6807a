#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/time.h"

namespace gpreempt::sim {

/// The host side of one process' queues: how far it has launched kernels ahead of the GPU, and what
/// holds it or its kernels back. Without any limit the GPU never waits for it.
class HostLauncher {
 public:
  HostLauncher(Timeline& timeline, Gpu& gpu) : timeline_(timeline), gpu_(gpu) {}
  HostLauncher(const HostLauncher&) = delete;
  HostLauncher& operator=(const HostLauncher&) = delete;
  ~HostLauncher();

  /// Appends a job to a queue, at once or when the host runs again. A host that is stopped leaves
  /// `run_ahead` kernels of the queue to the GPU (0: the rest of the job that is under way).
  void submit(QueueIndex queue, WaveDispatcher::Job job, std::uint32_t run_ahead);

  /// From now on at most `in_flight` kernels of the queue are on the GPU at once. They are launched
  /// in batches: the launcher waits for the end of every `batch`th kernel and, `t_sync` after it,
  /// launches the next `batch`. So between `in_flight - batch` and `in_flight` kernels are left to
  /// the GPU when it stops. 0 in flight: launches nothing more. Needs batch <= in_flight.
  /// Source: the launch worker of XSched, level 1.
  void throttle(QueueIndex queue, std::uint32_t in_flight, std::uint32_t batch);
  /// Lifts the limit.
  void unthrottle(QueueIndex queue);
  /// A guard in front of every kernel: none begins after the one that runs.
  void hold(QueueIndex queue, bool held);
  /// SIGSTOP and SIGCONT: nothing is launched on any queue in between.
  void stop_host(bool stopped);
  [[nodiscard]] bool host_stopped() const { return host_stopped_; }

  /// From the GPU: a kernel of a queue with a gate ended.
  void kernel_done(QueueIndex queue);

 private:
  struct Limit {
    std::uint32_t in_flight = 0;
    std::uint32_t batch = 1;
    std::uint64_t waited_for = 0;  ///< kernels whose end the launcher has seen
    Timeline::EventId wake = 0;
  };
  struct Queue {
    std::uint32_t run_ahead = 0;
    std::uint64_t job_kernels = 0;  ///< of the job submitted last
    std::optional<Limit> limit;
    std::optional<std::uint64_t> launched;  ///< kernels given to the GPU; nullopt: no bound
    std::optional<std::uint64_t> held_at;   ///< kernels that had begun when it was held
  };

  void stop_launching(QueueIndex index);
  void go_on(QueueIndex index);
  void refill(QueueIndex index);
  void apply(QueueIndex index);

  Timeline& timeline_;
  Gpu& gpu_;
  std::map<QueueIndex, Queue> queues_;
  std::vector<std::pair<QueueIndex, WaveDispatcher::Job>> waiting_;  ///< submitted while stopped
  bool host_stopped_ = false;
};

}  // namespace gpreempt::sim
