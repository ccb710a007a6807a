#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "conformance/operation.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::conformance {

/// The seam under the cases: processes of two threads that do what they are told. One
/// implementation forks them on Linux, one runs them on a modelled machine in virtual time.
///
/// Both must agree on what cannot be seen through the driver too: a killed process is a zombie for
/// as long as somebody traces it, and reaped at once otherwise.
class Actors {
 public:
  using Id = std::size_t;  ///< counts from 0 after `clear`
  enum class Thread { kFirst, kSecond };

  Actors() = default;
  Actors(const Actors&) = delete;
  Actors& operator=(const Actors&) = delete;
  virtual ~Actors() = default;

  /// Ends every actor; what they left in the driver is gone as well.
  virtual void clear() = 0;
  /// A process with that uid, which has opened nothing. Errors: kIo.
  [[nodiscard]] virtual Result<Id> start(std::uint32_t user) = 0;
  /// A copy of a process, made by its first thread. `apart`: in a pid namespace of its own.
  [[nodiscard]] virtual Result<Id> fork(Id parent, bool apart) = 0;
  /// Its first thread executes its program anew: the second one is another then, and no descriptor
  /// is open. Blocks: until it takes orders again. Errors: kIo.
  [[nodiscard]] virtual Result<void> exec(Id process) = 0;
  /// The process' number, or that of its second thread, as processes of the first namespace see it.
  [[nodiscard]] virtual std::int32_t number(Id process, Thread thread) = 0;
  /// SIGKILL. Blocks: until it is a zombie or gone. Errors: kTimedOut.
  [[nodiscard]] virtual Result<void> kill(Id process) = 0;
  /// The thread must not be busy.
  [[nodiscard]] virtual Result<void> send(Id process, Thread thread,
                                          const Operation& operation) = 0;
  /// The answer to what was sent last; nullopt if none comes `within`. Blocks: until then.
  [[nodiscard]] virtual Result<std::optional<Answer>> receive(Id process, Thread thread,
                                                              Duration within) = 0;
};

}  // namespace gpreempt::conformance
