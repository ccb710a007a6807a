#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {

/// Something that can happen at any time, to the Online tenant, to an Offline one or to the clock.
/// What makes no sense in a state (an answer nobody waits for, a queue that is not there) happens
/// all the same, as a stray event.
struct Letter {
  enum class Kind : std::uint8_t {
    kArrive,    ///< Online: a request
    kComplete,  ///< Online: one is done
    kDeadline,  ///< the time the scheduler asked for comes
    kCreate,    ///< Offline, each: a queue is born
    kDestroy,   ///< its oldest queue goes
    kDone,      ///< its request in flight succeeds
    kPartial,   ///< fails in hardware for its first queue
    kFailed,    ///< is refused as a whole, by the driver
    kRefuse,    ///< its next request is refused at once, by the backend
    kLease,     ///< leases of all that is off of it end
    kCrash,     ///< it exits
  };
  Kind kind = Kind::kDeadline;
  std::uint8_t tenant = 0;  ///< index of the Offline tenant
};

/// All letters for so many Offline tenants: 3 + 8 for each.
[[nodiscard]] std::vector<Letter> alphabet(std::uint32_t offline_tenants);

/// A policy, and when it may keep an Offline tenant off.
struct OraclePolicy {
  std::string spec;
  Duration patience{};         ///< so long after Online's last work
  bool among_offline = false;  ///< also while another Offline process with queues lives
};

/// A scheduler over a small backend that answers as the letters say, and that knows the truth: what
/// runs, what was asked, what has failed. It checks each step against the rules of
/// core/scheduler.h, and names the first one broken.
class SchedulerOracle {
 public:
  /// One Online tenant without queues, and Offline tenants of one process with one queue each, all
  /// on one GPU.
  SchedulerOracle(const OraclePolicy& policy, std::uint32_t offline_tenants);

  void happen(const Letter& letter);
  /// Shuts down and answers every request, with success or with a failure in hardware; then all
  /// must be at rest, and with success everything must run.
  void shut_down(bool requests_fail);

  [[nodiscard]] const std::string& broken() const { return broken_; }
  /// What an Offline tenant is in the middle of.
  enum class Phase : std::uint8_t { kRunning, kSuspending, kSuspended, kResuming };
  [[nodiscard]] Phase phase(std::uint32_t tenant) const;
  /// The truth in a number, for counting what was reached.
  [[nodiscard]] std::uint64_t fingerprint() const;

 private:
  struct Queue {
    QueueId id;
    bool off = false;
    bool failed = false;  ///< when suspending: must never be suspended again
    int resume_errors = 0;
  };
  struct Process {
    TargetId id;
    bool alive = true;
    bool wanted_off = false;  ///< by the last decision
    bool refuses = false;     ///< the next request
    bool excused = false;     ///< refused: nothing is tried before something changes
    std::vector<Queue> queues;
    std::optional<ControlKind> flight;
    std::vector<QueueId> asked;
    Instant issued;

    [[nodiscard]] Queue* find(QueueId queue);
  };

  void pass_time();
  template <class What>
  void feed(What what);
  void step(const Event* event);
  void react();
  void note(const Decision& decision);
  void take(const Action& action);
  void check_rest();
  void born(Process& process);
  void gone(Process& process);
  void answer(Process& process, Outcome first, std::optional<Errc> refusal);
  void stray_answer(const Process& process);
  void expire(Process& process);
  void crash(Process& process);
  void fault(std::string_view rule);
  [[nodiscard]] bool reason_stands(const Process& process) const;

  Scheduler scheduler_;
  Duration patience_;
  bool among_offline_;
  Actions out_;
  Instant now_ = instant_from_ns(1'000'000);
  Instant idle_since_ = Instant::min();
  std::uint32_t requests_ = 0;
  std::uint32_t last_queue_ = 0;
  bool shutting_down_ = false;
  std::vector<Process> processes_;
  std::string broken_;
};

}  // namespace gpreempt
