#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {

/// One random thing that happens in a `SchedulerWorld`.
struct Happening {
  enum class Kind {
    kEdge,
    kArrive,
    kFinish,
    kBorn,
    kBornSdma,
    kGone,
    kComplete,
    kCompleteInvalid,
    kCompleteError,
    kCompleteExited,
    kLease,
    kRefuseNext,
    kExit,
    kStranger,
    kTick,
  };
  Kind kind = Kind::kTick;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};
inline constexpr std::uint32_t kHappeningKinds = 15;

/// A model of backend and processes around a scheduler, simple enough to be an oracle: it knows
/// which queues are really off and checks every action against its own view of the rules.
class SchedulerWorld {
 public:
  /// With a split, the Offline processes are two tenants of two; otherwise four tenants.
  explicit SchedulerWorld(GangOptions gang = {});

  void happen(const Happening& happening);
  /// Online falls idle, requests end well, refusals stop; then leases of what is still off expire.
  void settle();

  /// First broken rule, empty if none.
  [[nodiscard]] const std::string& broken() const { return broken_; }
  /// Everything that the scheduler said, for comparison byte for byte.
  [[nodiscard]] const std::string& transcript() const { return transcript_; }

 private:
  struct Queue {
    QueueId id;
    GpuId gpu;
    bool sdma = false;
    bool off = false;
    bool failed = false;  ///< an error when suspending: must never be suspended again
    int resume_errors = 0;
  };
  struct Process {
    TargetId id;
    std::optional<std::uint32_t> priority;  ///< set: Online
    std::uint32_t offline_priority = 0;
    std::uint32_t tenant = 0;
    bool alive = true;
    bool edge_busy = false;
    std::uint64_t outstanding = 0;
    bool excused = false;  ///< a request was refused since: the lease may have to end it
    std::vector<Queue> queues;
    std::optional<Action> flight;
    std::vector<QueueId> flight_ids;
    Instant issued;
  };

  template <class What>
  void feed(What what);
  void react();
  void perform();
  [[nodiscard]] bool may_wait(const Process& process) const;
  void take(const Action& action);
  void check_progress();
  void check(const Process& process, const Queue& queue, ControlKind kind);
  [[nodiscard]] bool reason_stands(const Process& process, GpuId gpu) const;
  void born(Process& process, std::uint32_t salt, bool sdma);
  void complete(Process& process, Outcome outcome, std::uint32_t which);
  void complete_exited(Process& process);
  void expire(Process& process, std::uint32_t which);
  void stranger(std::uint32_t salt);
  void exit(Process& process);
  void fault(const std::string& rule);
  [[nodiscard]] ControlDone done_of(Process& process, Outcome outcome, std::uint32_t which);
  [[nodiscard]] Process* find(TargetId id);
  static Queue* find(Process& process, QueueId id);
  static void apply(Process& process, const QueueOutcome& outcome, ControlKind kind);

  GangOptions gang_;
  Scheduler scheduler_;
  std::set<std::uint32_t> released_;  ///< tenants that are never taken off again
  Actions out_;
  Instant now_ = instant_from_ns(0);
  std::vector<Process> processes_;
  std::uint32_t last_queue_ = 0;
  bool refuse_next_ = false;
  std::string broken_;
  std::string transcript_;
};

}  // namespace gpreempt
