#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/driver.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "backends/kfd/reaper.h"
#include "backends/kfd/topology.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"

namespace gpreempt::kfd {
namespace {

/// "dkms-<version>" for AMD's package, which has a module version, else "upstream".
std::string name_driver(Os& os, const std::string& sysfs_root) {
  const auto version = os.read_file(sysfs_root + "/module/amdgpu/version");
  if (!version) {
    return "upstream";
  }
  return "dkms-" + version->substr(0, std::min(version->find('\n'), version->size()));
}

std::array<std::string, kControlKinds> missing_controls() {
  std::array<std::string, kControlKinds> reasons;
  const auto set = [&](ControlKind kind, std::string reason) {
    reasons.at(static_cast<std::size_t>(kind)) = std::move(reason);
  };
  const std::string owner_only =
      "amdkfd takes this only from the process that owns the queue; it needs an agent inside that "
      "process, which this version does not have";
  set(ControlKind::kPercentage, owner_only);
  set(ControlKind::kPriority, owner_only);
  set(ControlKind::kCuMask, owner_only);
  set(ControlKind::kThrottle,
      "holding launches back needs an agent inside the process, which this version does not have");
  set(ControlKind::kKernelBoundary,
      "holding kernels back needs an agent inside the process, which this version does not have");
  set(ControlKind::kSignal,
      "a stopped process leaves its queues running, so this version offers suspend instead");
  set(ControlKind::kReset, "amdkfd has no reset of single queues, only of a whole GPU");
  set(ControlKind::kSelectiveUnmap,
      "no driver unmaps single queues; it exists in the simulator only");
  return reasons;
}

}  // namespace

Result<std::unique_ptr<KfdBackend>> open_backend(Os& os, BackendOptions options) {
  const auto driver = open_driver(os, options.device);
  GPREEMPT_TRY(driver);
  const auto version = check_version(os, *driver, options.device);
  os.close(*driver);
  GPREEMPT_TRY(version);
  auto gpus = read_topology(os, options.sysfs_root);
  GPREEMPT_TRY(gpus);
  BackendInfo info{.driver = name_driver(os, options.sysfs_root),
                   .gpus = {},
                   .controls = missing_controls(),
                   .watch =
                       "polling rings needs their addresses from debugfs mqds, which this "
                       "version does not read; use hints"};
  for (const GpuNode& gpu : *gpus) {
    info.gpus.push_back(gpu.info);
  }
  auto outbox = Mailbox<BackendMessage>::open(os);
  if (!outbox) {
    return fail(Errc::kIo,
                fmt::format("open the KFD backend: {}", std::strerror(outbox.error().number)),
                outbox.error().number);
  }
  // Before the first worker, which must not be the thread that a signal ends the process by.
  const SysResult<Fd> signals = options.take_signals ? os.signals() : SysResult<Fd>(kNoFd);
  if (!signals) {
    return fail(
        Errc::kIo,
        fmt::format("open the KFD backend: signals: {}", std::strerror(signals.error().number)),
        signals.error().number);
  }
  auto reaper = Reaper::start(os);
  if (!reaper) {
    return tl::unexpected<Error>(reaper.error());
  }
  return std::unique_ptr<KfdBackend>(new KfdBackend(os, std::move(options), std::move(info),
                                                    *std::move(gpus), *std::move(outbox),
                                                    *std::move(reaper), *signals));
}

}  // namespace gpreempt::kfd
