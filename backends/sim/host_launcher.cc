#include "backends/sim/host_launcher.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {

HostLauncher::~HostLauncher() {
  for (const auto& [index, queue] : queues_) {
    if (queue.limit) {
      timeline_.cancel(queue.limit->wake);
    }
  }
}

void HostLauncher::submit(QueueIndex index, WaveDispatcher::Job job, std::uint32_t run_ahead) {
  Queue& queue = queues_[index];
  queue.run_ahead = run_ahead;
  queue.job_kernels = job.plan->kernels();
  if (host_stopped_) {
    waiting_.emplace_back(index, std::move(job));
  } else {
    gpu_.waves().submit(index, std::move(job));
  }
}

void HostLauncher::throttle(QueueIndex index, std::uint32_t in_flight, std::uint32_t batch) {
  GPREEMPT_CHECK(batch <= in_flight || in_flight == 0);
  Queue& queue = queues_[index];
  if (queue.limit) {
    timeline_.cancel(queue.limit->wake);
  }
  if (in_flight == 0) {
    queue.limit.reset();
    stop_launching(index);
    return;
  }
  const std::uint64_t done = gpu_.waves().progress(index).kernels;
  queue.limit = Limit{.in_flight = in_flight, .batch = batch, .waited_for = done / batch * batch};
  if (!host_stopped_) {
    refill(index);
  }
}

void HostLauncher::unthrottle(QueueIndex index) {
  Queue& queue = queues_[index];
  if (queue.limit) {
    timeline_.cancel(queue.limit->wake);
    queue.limit.reset();
  }
  if (!host_stopped_) {
    go_on(index);
  }
}

void HostLauncher::hold(QueueIndex index, bool held) {
  Queue& queue = queues_[index];
  if (!held) {
    queue.held_at.reset();
  } else if (!queue.held_at) {
    queue.held_at = gpu_.waves().kernels_begun(index);
  }
  apply(index);
}

void HostLauncher::stop_host(bool stopped) {
  if (std::exchange(host_stopped_, stopped) == stopped) {
    return;
  }
  for (auto& [index, queue] : queues_) {
    if (!stopped) {
      go_on(index);
    } else {
      if (queue.limit) {
        timeline_.cancel(std::exchange(queue.limit->wake, 0));
      }
      stop_launching(index);
    }
  }
  if (!stopped) {
    for (auto& [index, job] : std::exchange(waiting_, {})) {
      gpu_.waves().submit(index, std::move(job));
    }
  }
}

/// What has been launched stays with the GPU.
void HostLauncher::stop_launching(QueueIndex index) {
  Queue& queue = queues_[index];
  if (!queue.launched) {
    const std::uint64_t ahead = queue.run_ahead > 0 ? queue.run_ahead : queue.job_kernels;
    queue.launched = gpu_.waves().kernels_begun(index) + ahead;
  }
  apply(index);
}

void HostLauncher::go_on(QueueIndex index) {
  Queue& queue = queues_[index];
  if (queue.limit) {
    refill(index);
    kernel_done(index);  // some may have ended while nobody waited
  } else {
    queue.launched.reset();
    apply(index);
  }
}

void HostLauncher::kernel_done(QueueIndex index) {
  const auto found = queues_.find(index);
  if (found == queues_.end() || host_stopped_) {
    return;
  }
  std::optional<Limit>& held = found->second.limit;
  if (!held) {
    return;
  }
  Limit& limit = *held;
  const std::uint64_t done = gpu_.waves().progress(index).kernels;
  if (limit.wake == 0 && done >= limit.waited_for + limit.batch) {
    limit.wake = timeline_.after(gpu_.parameters().t_sync, [this, index] {
      std::optional<Limit>& woken = queues_.at(index).limit;
      GPREEMPT_CHECK(woken.has_value());
      woken->wake = 0;
      const std::uint64_t now_done = gpu_.waves().progress(index).kernels;
      woken->waited_for = now_done / woken->batch * woken->batch;
      refill(index);
    });
  }
}

/// Launches as many kernels as the limit allows.
void HostLauncher::refill(QueueIndex index) {
  Queue& queue = queues_[index];
  GPREEMPT_CHECK(queue.limit.has_value());
  const std::uint64_t allowed = queue.limit->waited_for + queue.limit->in_flight +
                                (GPREEMPT_MUTANT("throttle-off-by-one") ? 1 : 0);
  queue.launched = std::max(queue.launched.value_or(0), allowed);
  apply(index);
}

void HostLauncher::apply(QueueIndex index) {
  const Queue& queue = queues_[index];
  std::optional<std::uint64_t> gate = queue.launched;
  if (queue.held_at) {
    gate = std::min(gate.value_or(*queue.held_at), *queue.held_at);
  }
  gpu_.waves().set_gate(index, gate);
}

}  // namespace gpreempt::sim
