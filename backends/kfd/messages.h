#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "backends/kfd/abi.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

/// What the workers of the KFD backend tell each other, through mailboxes.
namespace gpreempt::kfd {

/// Number of a queue within its session, in order of birth, never reused; the driver's id is.
using QueueSerial = StrongId<struct QueueSerialTag, std::uint32_t>;

// ---- backend to session

struct SuspendRequest {
  RequestId request;
  Instant issued;
  std::vector<QueueSerial> queues;
  std::uint32_t grace_period = abi::kGraceDefault;
  Instant until;  ///< end of the lease
};
struct ResumeRequest {
  RequestId request;
  Instant issued;
  std::vector<QueueSerial> queues;
};
/// Some child or tracee of this process may have changed.
struct ChildChanged {};
/// Resume, disable, detach, end.
struct StopSession {};
using SessionRequest = std::variant<SuspendRequest, ResumeRequest, ChildChanged, StopSession>;

// ---- session to backend

/// The session serves requests, or (with an error) has ended.
struct SessionReady {
  std::optional<Error> error;
};
struct SessionQueueBorn {
  QueueSerial serial;
  abi::QueueSnapshotEntry entry;
};
struct SessionQueueGone {
  QueueSerial serial;
};
struct SessionDone {
  RequestId request;
  ControlKind kind = ControlKind::kSuspend;
  Instant issued;
  std::vector<Outcome> outcomes;  ///< in the order asked
  std::optional<Error> error;
};
struct SessionLeaseExpired {
  std::vector<QueueSerial> queues;
};
struct SessionException {
  std::uint64_t mask = 0;
};
/// The target is gone and so is the session.
struct SessionTargetExited {};
/// The session has ended because it was asked to. The error is the first one of the shutdown.
struct SessionClosed {
  std::optional<Error> error;
};

/// A watched target turned busy or idle. By the observer.
struct SessionActivity {
  bool busy = false;
  bool proven = true;
};

struct SessionReport {
  TargetId target;
  Instant at;
  std::variant<SessionReady, SessionQueueBorn, SessionQueueGone, SessionDone, SessionLeaseExpired,
               SessionException, SessionActivity, SessionTargetExited, SessionClosed>
      what;
};

// ---- others to backend

/// An application's word about its work.
struct Hint {
  Pid pid;
  std::uint64_t request = 0;
  bool arrived = false;  ///< or finished
  Instant at;
};
/// What a debugfs view showed.
struct Inspected {
  RequestId request;
  std::string text;
  std::optional<Error> error;
  Instant at;
};
using BackendMessage = std::variant<SessionReport, Hint, Inspected>;

}  // namespace gpreempt::kfd
