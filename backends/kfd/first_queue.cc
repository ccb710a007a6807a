#include "backends/kfd/first_queue.h"

#include <fmt/format.h>

#include <string>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/mutant.h"

namespace gpreempt::kfd {

bool has_queue(Os& os, const std::string& sysfs_root, Pid pid) {
  const auto queues = os.list_dir(fmt::format("{}/class/kfd/kfd/proc/{}/queues", sysfs_root, pid));
  return queues && (!queues->empty() || GPREEMPT_MUTANT("any-target-has-a-queue"));
}

}  // namespace gpreempt::kfd
