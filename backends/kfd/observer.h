#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

struct ObserverOptions {
  std::string sysfs_root = "/sys";
  std::string debugfs = "/sys/kernel/debug/kfd";
  /// How often sysfs is asked for queues that were created or destroyed.
  Duration scan_period{};
};

/// Sees what processes do without a debug session: queues from sysfs, their rings from debugfs
/// `mqds`, positions from the process's memory. One worker for all targets of a backend: while the
/// driver makes it wait for a debugfs file (a GPU that does not answer holds it for seconds), it
/// sees nothing.
///
/// What it finds goes out by mailbox as a session's reports do: the queues there are, then
/// `SessionReady`; births, deaths and activity from then on.
class Observer {
 public:
  using Outbox = std::shared_ptr<Mailbox<BackendMessage>>;

  /// Errors: kIo; no worker was started.
  [[nodiscard]] static Result<std::unique_ptr<Observer>> start(Os& os, ObserverOptions options,
                                                               Outbox outbox);

  // None of these waits.

  /// Follows the queues of a process that is not attached.
  void follow(TargetId target, Pid pid);
  /// Looks at a target's activity every `period`, the first time after one. The rings of one that
  /// is followed are found in debugfs, those of another are told by `set_rings`.
  void watch(TargetId target, Pid pid, Duration period);
  void set_rings(TargetId target, std::vector<RingPlace> rings);
  void forget(TargetId target);
  /// Reads a debugfs view. Posts `Inspected`.
  void inspect(RequestId request, InspectView view);

  /// Blocks: until the worker has ended. Call once.
  void close();

 private:
  struct Follow {
    TargetId target;
    Pid pid;
  };
  struct Watch {
    TargetId target;
    Pid pid;
    Duration period{};
  };
  struct SetRings {
    TargetId target;
    std::vector<RingPlace> rings;
  };
  struct Forget {
    TargetId target;
  };
  struct Inspect {
    RequestId request;
    InspectView view = InspectView::kMqds;
  };
  struct Stop {};
  using Command = std::variant<Follow, Watch, SetRings, Forget, Inspect, Stop>;
  class Worker;

  Observer(Os& os, std::shared_ptr<Mailbox<Command>> commands, WorkerId worker)
      : os_(os), commands_(std::move(commands)), worker_(worker) {}

  Os& os_;
  std::shared_ptr<Mailbox<Command>> commands_;
  WorkerId worker_;
};

}  // namespace gpreempt::kfd
