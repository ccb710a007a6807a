#include "backends/sim/observed_process.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/timeline.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(10);

}  // namespace

ObservedProcess::ObservedProcess(Host host, TargetId target, Pid pid)
    : host_(std::move(host)), target_(target), pid_(pid), zero_(host_.timeline.now()) {
  look();
}

void ObservedProcess::changed() {
  if (tick_ == 0) {
    const auto looks = (host_.timeline.now() - zero_) / kLookEvery + 1;
    tick_ = host_.timeline.at(zero_ + looks * kLookEvery, [this] {
      tick_ = 0;
      look();
    });
  }
}

std::vector<QueueInfo> ObservedProcess::queues() const {
  std::vector<QueueInfo> queues;
  queues.reserve(known_.size());
  for (const auto& [serial, queue] : known_) {
    queues.push_back(queue);
  }
  std::ranges::sort(queues, {}, &QueueInfo::id);
  return queues;
}

void ObservedProcess::look() {
  std::vector<KfdModel::ListedQueue> there = host_.kfd.queues_of(pid_);
  for (auto each = known_.begin(); each != known_.end();) {
    if (std::ranges::find(there, each->first, &KfdModel::ListedQueue::serial) != there.end() ||
        GPREEMPT_MUTANT("sim-observed-queue-stays")) {
      ++each;
      continue;
    }
    host_.post(QueueGone{.target = target_, .queue = each->second.id});
    each = known_.erase(each);
  }
  // sysfs lists ids, not ages.
  std::ranges::sort(there, {}, &KfdModel::ListedQueue::id);
  for (const KfdModel::ListedQueue& queue : there) {
    if (known_.contains(queue.serial)) {
      continue;
    }
    const QueueInfo info{.id = host_.new_queue_id(),
                         .target = target_,
                         .gpu = host_.gpu_ids[queue.gpu],
                         .kernel_id = queue.id,
                         .type = queue.type,
                         .role = role_of(queue.type, queue.ring_bytes),
                         .ring_bytes = queue.ring_bytes,
                         .state = QueueState::kRunning};
    known_.emplace(queue.serial, info);
    host_.post(QueueBorn{info});
  }
}

}  // namespace gpreempt::sim
