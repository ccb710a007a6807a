#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/timeline.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::sim {

/// The queues of a process that is not attached, as looking into sysfs every 10 ms finds them. It
/// does not look: after a change it computes when the next look would be.
class ObservedProcess {
 public:
  struct Host {
    Timeline& timeline;
    const KfdModel& kfd;
    const std::vector<GpuId>& gpu_ids;
    std::function<QueueId()> new_queue_id;
    std::function<void(decltype(Event::what))> post;
  };

  /// Posts the queues there are.
  ObservedProcess(Host host, TargetId target, Pid pid);
  ObservedProcess(const ObservedProcess&) = delete;
  ObservedProcess& operator=(const ObservedProcess&) = delete;
  ~ObservedProcess() { host_.timeline.cancel(tick_); }

  /// Something of its queues has changed.
  void changed();
  [[nodiscard]] std::vector<QueueInfo> queues() const;

 private:
  void look();

  Host host_;
  TargetId target_;
  Pid pid_;
  Instant zero_;
  Timeline::EventId tick_ = 0;
  std::map<std::uint64_t, QueueInfo> known_;  ///< by the queue's serial
};

}  // namespace gpreempt::sim
