#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/sim/timeline.h"
#include "core/error.h"

namespace gpreempt::sim {

/// The simulated world on SimGrid: its timeline, and the parties that block as threads do in the
/// real one. Whatever waits is an actor that waits by suspend and is woken by resume; all dates
/// come from the timeline, which arms one kernel timer. While no party may run, events are fired
/// back to back, by the party that blocked last and on its stack, until another one goes on;
/// SimGrid's clock catches up later.
///
/// One per OS process: SimGrid's engine cannot be made twice.
class World {
 public:
  /// A thread of control inside the world.
  class Party;
  struct Options {
    bool run_ahead = true;           ///< off: one SimGrid timer per date (for comparison)
    std::uint32_t stack_kib = 1024;  ///< of every party's stack
  };

  explicit World(Options options);
  World() : World(Options{}) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  [[nodiscard]] Timeline& timeline();

  /// Runs `body` as a party until it returns; parties still there then are ended. May be called
  /// again. Blocks: until then. Errors: kInternal (deadlock: who waits for what).
  [[nodiscard]] Result<void> run(const std::function<void()>& body);

  /// Starts a party. Never yields: it begins after the events of this instant.
  Party& spawn(std::string name, std::function<void()> body);
  /// The party that is running; must be called from one.
  [[nodiscard]] Party& current();
  /// Blocks the current party until `party` has ended.
  void join(Party& party);
  /// Ends parties as SIGKILL does: their stacks are unwound where they block. The current party
  /// must not be among them.
  void kill(const std::vector<Party*>& parties);

  [[nodiscard]] static const std::string& name_of(const Party& party);
  [[nodiscard]] static bool ended(const Party& party);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpreempt::sim
