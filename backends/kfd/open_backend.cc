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
#include "backends/kfd/observed_queues.h"
#include "backends/kfd/observer.h"
#include "backends/kfd/os.h"
#include "backends/kfd/reaper.h"
#include "backends/kfd/topology.h"
#include "backends/kfd/visible_gpus.h"
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

/// Empty if the activity of processes can be watched. Reads nothing: printing the file takes long.
std::string reason_not_to_watch(Os& os, const std::string& debugfs, bool sees_queues) {
  if (!sees_queues) {
    return "sysfs and debugfs name processes by the pids of the initial namespace, and this "
           "process has others; run it with --pid=host, or use hints";
  }
  const std::string path = debugfs + "/mqds";
  const auto file = os.open(path, OpenMode::kRead);
  if (!file) {
    return fmt::format(
        "the rings' addresses are in {}, which cannot be read ({}); mount debugfs "
        "and run as root, or use hints",
        path, std::strerror(file.error().number));
  }
  os.close(*file);
  return {};
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
  const bool sees_queues = has_initial_pids(os).value_or(true);
  BackendInfo info{.driver = name_driver(os, options.sysfs_root),
                   .gpus = {},
                   .controls = missing_controls(),
                   .watch = reason_not_to_watch(os, options.debugfs, sees_queues)};
  const auto shown =
      options.for_programs ? visible_gpus(os, *gpus, "/proc") : Result<std::vector<GpuNode>>(*gpus);
  GPREEMPT_TRY(shown);
  for (const GpuNode& gpu : *shown) {
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
  if (options.heartbeat != nullptr) {
    GPREEMPT_TRY(options.heartbeat->begin_pulse());
  }
  auto reaper = Reaper::start(os);
  if (!reaper) {
    return tl::unexpected<Error>(reaper.error());
  }
  auto observer = Observer::start(os,
                                  {.sysfs_root = options.sysfs_root,
                                   .debugfs = options.debugfs,
                                   .scan_period = options.scan_period},
                                  *outbox);
  if (!observer) {
    (*reaper)->close();
    return tl::unexpected<Error>(observer.error());
  }
  return std::unique_ptr<KfdBackend>(new KfdBackend(os, std::move(options),
                                                    {.info = std::move(info),
                                                     .gpus = *std::move(gpus),
                                                     .outbox = *std::move(outbox),
                                                     .reaper = *std::move(reaper),
                                                     .observer = *std::move(observer),
                                                     .signals = *signals,
                                                     .sees_queues = sees_queues}));
}

}  // namespace gpreempt::kfd
