#include "backends/kfd/discovery/queue_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/discovery/driver_knowledge.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// Files of debugfs that could not be read.
struct Unread {
  std::vector<std::string_view> names;
  int number = 0;  ///< why the first of them could not
};

template <class Dump>
Result<void> read_dump(Os& os, const std::string& folder, std::string_view name,
                       Result<Dump> (*parse)(std::string_view, std::string_view),
                       std::optional<Dump>& into, Unread& unread) {
  const std::string path = fmt::format("{}/{}", folder, name);
  const auto text = os.read_file(path);
  if (!text) {
    unread.number = unread.names.empty() ? text.error().number : unread.number;
    unread.names.push_back(name);
    return {};
  }
  auto dump = parse(*text, path);
  if (!dump) {
    return tl::unexpected<Error>(std::move(dump).error());
  }
  into = *std::move(dump);
  return {};
}

std::string note_of(const Unread& unread, const std::string& folder) {
  if (unread.names.empty()) {
    return {};
  }
  std::string files;
  for (const std::string_view name : unread.names) {
    files += fmt::format("{}{}", files.empty() ? "" : ", ", name);
  }
  const bool is_missing = unread.number == ENOENT;
  const bool has_mqds = std::ranges::find(unread.names, "mqds") == unread.names.end();
  return fmt::format(
      "read {}/{{{}}}: {}; {} not shown. {}", folder, files,
      is_missing ? "there is no such file" : std::strerror(unread.number),
      has_mqds ? "what they show is" : "slots, runlist, priorities and activity are",
      is_missing ? "Mount debugfs (`mount -t debugfs none /sys/kernel/debug`), give it to the "
                   "container (`-v /sys/kernel/debug:/sys/kernel/debug:ro`) or save these files "
                   "with the tree"
                 : "Run as root of the machine: debugfs is root's alone");
}

bool same_ids(const KfdProcess& a, const KfdProcess& b) {
  return std::ranges::equal(a.queues, b.queues, {}, &abi::QueueSnapshotEntry::queue_id,
                            &abi::QueueSnapshotEntry::queue_id);
}

/// Whose queues are not the same in both lists.
std::set<Pid> changed_between(const std::vector<KfdProcess>& before,
                              const std::vector<KfdProcess>& after) {
  std::set<Pid> changed;
  for (const KfdProcess& process : before) {
    const auto now = std::ranges::find(after, process.pid, &KfdProcess::pid);
    if (now == after.end() || !same_ids(process, *now)) {
      changed.insert(process.pid);
    }
  }
  return changed;
}

}  // namespace

Result<QueueReading> read_queue_sources(Os& os, const DiscoveryRoots& roots) {
  QueueReading reading;
  QueueSources& sources = reading.sources;
  auto before = list_kfd_processes(os, roots);
  if (!before && before.error().code != Errc::kNoSuchDevice) {
    return tl::unexpected<Error>(std::move(before).error());
  }
  Unread unread;
  GPREEMPT_TRY(read_dump(os, roots.debugfs, "mqds", debugfs::parse_mqds, sources.mqds, unread));
  if (!before && !sources.mqds) {
    return tl::unexpected<Error>(std::move(before).error());
  }
  GPREEMPT_TRY(read_dump(os, roots.debugfs, "hqds", debugfs::parse_hqds, sources.hqds, unread));
  GPREEMPT_TRY(read_dump(os, roots.debugfs, "rls", debugfs::parse_rls, sources.rls, unread));
  reading.note = note_of(unread, roots.debugfs);
  sources.driver = know_driver(os);
  if (!before) {
    return reading;
  }
  const auto after = list_kfd_processes(os, roots);
  GPREEMPT_TRY(after);
  sources.unsettled = changed_between(*before, *after);
  sources.processes = *std::move(before);
  return reading;
}

}  // namespace gpreempt::kfd
