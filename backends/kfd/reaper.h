#pragma once

#include <memory>
#include <variant>

#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// The one reader of `Os::child_events` in a process: tells every session that some child changed,
/// and each polls its own tracee. (Were each session to read, one would hide it from the others.)
class Reaper {
 public:
  using SessionMailbox = std::shared_ptr<Mailbox<SessionRequest>>;

  /// Errors: kIo; no worker was started.
  [[nodiscard]] static Result<std::unique_ptr<Reaper>> start(Os& os);

  /// From the moment it returns no change of a child is missed. Never blocks.
  void add(TargetId target, SessionMailbox mailbox);
  void remove(TargetId target);

  /// Blocks: until the worker has ended. Call once, after the sessions have ended.
  void close();

 private:
  struct Add {
    TargetId target;
    SessionMailbox mailbox;
  };
  struct Remove {
    TargetId target;
  };
  struct Stop {};
  using Command = std::variant<Add, Remove, Stop>;
  class Worker;

  Reaper(Os& os, std::shared_ptr<Mailbox<Command>> commands, WorkerId worker);

  Os& os_;
  std::shared_ptr<Mailbox<Command>> commands_;
  WorkerId worker_;
};

}  // namespace gpreempt::kfd
