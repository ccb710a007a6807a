#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "core/error.h"
#include "validation/hardware.h"

namespace gpreempt::validation {

/// An experiment of which several targets ask: it runs once on each hardware. Copies share what was
/// run. Shape: a function of the hardware alone.
template <class T>
class SharedRun {
 public:
  explicit SharedRun(std::function<Result<T>(Hardware&)> run)
      : state_(std::make_shared<State>(State{.run = std::move(run), .done = {}})) {}

  /// Errors: those of the run, which is tried again.
  [[nodiscard]] Result<T> on(Hardware& hardware) const {
    const auto found = state_->done.find(hardware.draw());
    if (found != state_->done.end()) {
      hardware.mark(found->second.uncertain);
      return found->second.outcome;
    }
    Result<T> outcome = state_->run(hardware);
    if (outcome) {
      state_->done.insert({hardware.draw(), {*outcome, hardware.uncertain()}});
    }
    return outcome;
  }

 private:
  struct Done {
    T outcome;
    bool uncertain = false;
  };
  struct State {
    std::function<Result<T>(Hardware&)> run;
    std::map<PriorDraw, Done> done;
  };
  std::shared_ptr<State> state_;
};

}  // namespace gpreempt::validation
