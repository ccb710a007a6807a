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

/// Reads the files of debugfs, and remembers which could not be read.
class DumpReader {
 public:
  DumpReader(Os& os, const std::string& folder) : os_(os), folder_(folder) {}

  template <class Dump>
  Result<void> read(std::string_view name,
                    Result<Dump> (*parse)(std::string_view, std::string_view),
                    std::optional<Dump>& into) {
    const std::string path = fmt::format("{}/{}", folder_, name);
    const auto text = os_.read_file(path);
    if (!text) {
      number_ = unread_.empty() ? text.error().number : number_;
      unread_.push_back(name);
      return {};
    }
    auto dump = parse(*text, path);
    if (!dump) {
      return tl::unexpected<Error>(std::move(dump).error());
    }
    into = *std::move(dump);
    return {};
  }
  [[nodiscard]] std::string note() const;

 private:
  Os& os_;
  const std::string& folder_;
  std::vector<std::string_view> unread_;
  int number_ = 0;  ///< why the first of them could not be read
};

std::string DumpReader::note() const {
  if (unread_.empty()) {
    return {};
  }
  std::string files;
  for (const std::string_view name : unread_) {
    files += fmt::format("{}{}", files.empty() ? "" : ", ", name);
  }
  const bool is_missing = number_ == ENOENT;
  const bool has_mqds = std::ranges::find(unread_, "mqds") == unread_.end();
  return fmt::format(
      "read {}/{{{}}}: {}; {} not shown. {}", folder_, files,
      is_missing ? "there is no such file" : std::strerror(number_),
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
  DumpReader reader(os, roots.debugfs);
  GPREEMPT_TRY(reader.read("mqds", debugfs::parse_mqds, sources.mqds));
  if (!before && !sources.mqds) {
    return tl::unexpected<Error>(std::move(before).error());
  }
  GPREEMPT_TRY(reader.read("hqds", debugfs::parse_hqds, sources.hqds));
  GPREEMPT_TRY(reader.read("rls", debugfs::parse_rls, sources.rls));
  reading.note = reader.note();
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
