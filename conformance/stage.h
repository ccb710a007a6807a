#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "conformance/actors.h"
#include "conformance/operation.h"
#include "conformance/scenario.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::conformance {

/// What came of a step.
struct Outcome {
  enum class Kind {
    kAnswered,
    kNoAnswer,  ///< not within its time; the operation goes on
    kBusy,      ///< the thread is still in an operation before it, so this one was not begun
    kGone,      ///< the process was killed
    kIdle,      ///< there is no answer to wait for
  };
  Kind kind = Kind::kAnswered;
  OpKind op{};
  Answer answer;
};

/// The result alone: "0", "EPERM", "no answer", "busy", "gone", "idle".
[[nodiscard]] std::string result_text(const Outcome& outcome);
/// The result, and after a success what the operation wrote back.
[[nodiscard]] std::string full_text(const Outcome& outcome);

/// Gives actors their names, and steps to the actors.
class Stage {
 public:
  /// `actors` must outlive it.
  explicit Stage(Actors& actors) : actors_(actors) {}

  /// Starts anew, without anybody. Actors come when they are first named.
  void clear();
  /// Errors: those of the actors (kIo, kTimedOut); never what an operation answers.
  [[nodiscard]] Result<Outcome> perform(const Step& step);
  /// Waits for operations that have not been answered: "target" and what came of it.
  [[nodiscard]] Result<std::vector<std::pair<std::string, Outcome>>> settle(Duration within);

 private:
  struct Member {
    Actors::Id id{};
    bool alive = true;
    std::array<bool, 2> busy{};
    std::array<OpKind, 2> op{};
  };

  [[nodiscard]] Result<void> enter(const std::string& name);
  [[nodiscard]] Result<Outcome> fork(const Step& step);
  [[nodiscard]] Result<Outcome> exec(const Step& step);
  [[nodiscard]] Result<Outcome> kill(const Step& step);
  [[nodiscard]] Result<Outcome> receive(Member& member, Actors::Thread thread, Duration within);
  [[nodiscard]] Result<void> address(const Step& step, Operation& operation);

  Actors& actors_;
  std::map<std::string, Member> members_;
  std::vector<std::pair<std::string, Outcome>> late_;
};

}  // namespace gpreempt::conformance
