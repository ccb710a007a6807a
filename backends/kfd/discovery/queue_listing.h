#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_warnings.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// Which queues are listed, and what is looked at.
struct ListingOptions {
  std::vector<TargetSelector> selectors;  ///< of any of these; none: of everyone
  std::vector<Pid> pids;                  ///< by the driver's pid, whether /proc knows it or not
  std::optional<GpuId> gpu;               ///< only on this one
  bool is_saved = false;     ///< the files are another machine's: nobody's memory is read
  bool may_be_none = false;  ///< a selector that finds nobody is no error
  DiscoveryRoots roots;
};

/// Who traces a process. The kernel names a thread.
struct Controller {
  Pid pid;           ///< of the thread's process; the thread's own number where that is not known
  std::string name;  ///< empty: not known
  friend bool operator==(const Controller&, const Controller&) = default;
};

struct ListedProcess {
  std::string name;
  std::string container;         ///< whole id
  std::optional<Pid> inner_pid;  ///< in its own pid namespace, if that is another one
  std::optional<Controller> controller;
};

struct ListedQueueRow {
  QueueRow row;
  std::optional<Activity> activity;
};

struct QueueListing {
  std::vector<ListedQueueRow> queues;
  std::map<Pid, ListedProcess> processes;  ///< of these queues
  std::vector<QueueWarning> warnings;      ///< about these processes
  std::vector<std::string> notes;          ///< what is not shown, why, and what to do
};

/// All that can be said of the queues now. Blocks: as `read_queue_sources`, and for `kActivityGap`.
/// Errors: theirs, and those of `find_targets`.
[[nodiscard]] Result<QueueListing> list_queues(Os& os, const ListingOptions& options);

/// Lists every `period` until the user asks this process to end (`Os::signals`), and hands each
/// listing to `show`. A period that is shorter than a look lets looks follow one another. Errors:
/// those of `list_queues` and of `show`, which end it.
[[nodiscard]] Result<void> watch_queues(
    Os& os, const ListingOptions& options, Duration period,
    const std::function<Result<void>(const QueueListing&)>& show);

}  // namespace gpreempt::kfd
