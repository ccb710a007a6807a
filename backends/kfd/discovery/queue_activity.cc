#include "backends/kfd/discovery/queue_activity.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/os.h"
#include "core/time.h"

namespace gpreempt::kfd {

SysResult<std::vector<std::optional<Activity>>> measure_activity(Os& os,
                                                                 std::span<const QueueRow> rows) {
  std::vector<ActivityMeter> meters(rows.size());
  std::vector<std::optional<Activity>> found(rows.size());
  const auto look = [&] {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!meters[i].empty()) {
        const auto activity = meters[i].poll(os, rows[i].pid);
        found[i] = activity ? std::optional(*activity) : std::nullopt;
      }
    }
  };
  bool has_rings = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (const auto& ring = rows[i].ring) {
      meters[i].set_rings({&*ring, 1});
      has_rings = true;
    }
  }
  if (!has_rings) {
    return found;
  }
  look();
  if (const auto waited = os.wait({}, saturating_add(os.now(), kActivityGap)); !waited) {
    return tl::unexpected<SysError>(waited.error());
  }
  look();
  return found;
}

}  // namespace gpreempt::kfd
