#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/driver_knowledge.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "experiments/runtime_log.h"

/// Ways to tell which queues are Offline's and which are Online's. None of them controls anything.
namespace gpreempt::experiments {

enum class Side { kOffline, kOnline };
/// "offline", "online".
[[nodiscard]] std::string_view to_string(Side side);

/// What a person knows of one side before looking.
struct KnownSide {
  std::vector<std::string> selectors;  ///< `kfd::kTargetForms`: a launcher, a group, a container
  std::vector<Pid> pids;               ///< pids as the person reads them, perhaps in a container
};
struct Known {
  KnownSide offline;
  KnownSide online;
  [[nodiscard]] const KnownSide& of(Side side) const {
    return side == Side::kOffline ? offline : online;
  }
};

/// A queue as the driver lists it: a snapshot of a process that is attached to, sysfs of others.
struct DriverQueue {
  Pid pid;
  GpuId gpu;
  std::uint32_t id = 0;
  QueueType type = QueueType::kCompute;
  std::uint64_t ring_bytes = 0;
};

/// What can be looked at. Pids are the driver's.
struct IdentificationEvidence {
  kfd::Os* files = nullptr;  ///< /proc and /sys/fs/cgroup; never null in a call
  std::vector<DriverQueue> driver_queues;
  std::optional<kfd::debugfs::MqdsDump> mqds;  ///< nullopt: this world shows none
  kfd::DriverKnowledge driver;
  std::map<Pid, std::string> runtime_logs;  ///< by the process that wrote it
};

/// A queue by the driver's key, which a controller may act on.
struct NamedQueue {
  Side side = Side::kOffline;
  Pid pid;
  std::uint32_t id = 0;  ///< KFD's
  auto operator<=>(const NamedQueue&) const = default;
};

/// A number that is tried because it is small. It is no id: nothing acts on it.
using GuessedNumber = StrongId<struct GuessedNumberTag, std::uint32_t>;
struct Guess {
  Side side = Side::kOffline;
  Pid pid;
  GuessedNumber number;
};

/// A queue by the runtime's own count, which is no key of the driver: nothing acts on it.
struct RuntimeClaim {
  Side side = Side::kOffline;
  Pid pid;
  RuntimeId id;
};

struct Identification {
  std::set<NamedQueue> claims;
  std::vector<Guess> guesses;
  std::vector<RuntimeClaim> runtime;
  /// Whose queues it says it cannot tell, and why.
  std::map<Pid, std::string> abstained;
  std::string abstained_from_all;  ///< not empty: from everybody, and why
};

class IdentificationStrategy {
 public:
  IdentificationStrategy() = default;
  IdentificationStrategy(const IdentificationStrategy&) = delete;
  IdentificationStrategy& operator=(const IdentificationStrategy&) = delete;
  virtual ~IdentificationStrategy() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// One sentence: what it goes by.
  [[nodiscard]] virtual std::string_view method() const = 0;
  /// The compute queues of both sides as it sees them. Blocks: as reading small files does. Errors:
  /// those of `kfd::parse_target` and `kfd::find_targets` but kProcessExited (none is there: no
  /// queue), and of `parse_runtime_log`.
  [[nodiscard]] virtual Result<Identification> identify(
      const Known& known, const IdentificationEvidence& evidence) const = 0;
};

/// The default one first: "snapshot". Then "pid", "tag", "priority", "doorbell", "runtime-log",
/// "brute-force".
[[nodiscard]] std::vector<std::unique_ptr<IdentificationStrategy>> identification_strategies();

/// How right an identification is. A queue counts once.
struct Confusion {
  std::size_t right = 0;      ///< claimed, for the side that it is of
  std::size_t wrong = 0;      ///< claims of a queue that is not that side's, or is none
  std::size_t missed = 0;     ///< a side's queues, neither claimed nor abstained from
  std::size_t abstained = 0;  ///< a side's queues of which it says that it cannot tell
  std::size_t left_out = 0;   ///< queues of neither side, rightly not claimed
  Confusion& operator+=(const Confusion& other);
  /// Of the queues of both sides: all of them right, and nothing wrong.
  [[nodiscard]] bool is_perfect() const { return wrong + missed + abstained == 0; }
  /// Share of the sides' queues that were claimed rightly; 0 of none.
  [[nodiscard]] double recall() const;
};

/// `truth`: the sides' compute queues. `others`: every other queue of the machine, SDMA queues of
/// the sides among them, as (pid, id).
[[nodiscard]] Confusion compare(const Identification& found, const std::set<NamedQueue>& truth,
                                const std::set<std::pair<Pid, std::uint32_t>>& others);

}  // namespace gpreempt::experiments
