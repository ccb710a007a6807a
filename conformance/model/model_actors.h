#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "backends/sim/world.h"
#include "backends/vkfd/machine.h"
#include "conformance/actors.h"
#include "conformance/operation.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::conformance {

/// Actors on a modelled machine, in virtual time: a virtual process each, whose threads are parties
/// of the world. From a party of `world`, which must outlive it and have nothing else on its
/// timeline; `clear` starts that anew.
class ModelActors final : public Actors {
 public:
  ModelActors(sim::World& world, const sim::SystemOptions& options);
  ~ModelActors() override;
  ModelActors(const ModelActors&) = delete;
  ModelActors& operator=(const ModelActors&) = delete;

  void clear() override;
  [[nodiscard]] Result<Id> start(std::uint32_t user) override;
  [[nodiscard]] Result<Id> fork(Id parent, bool apart) override;
  [[nodiscard]] Result<void> exec(Id process) override;
  [[nodiscard]] std::int32_t number(Id process, Thread thread) override;
  [[nodiscard]] Result<void> kill(Id process) override;
  [[nodiscard]] Result<void> send(Id process, Thread thread, const Operation& operation) override;
  [[nodiscard]] Result<std::optional<Answer>> receive(Id process, Thread thread,
                                                      Duration within) override;

 private:
  class Process;
  struct Lane;

  void open();
  void end();
  [[nodiscard]] Id add(std::unique_ptr<Process> process);
  /// Lets virtual time pass.
  void pass(Duration time);

  sim::World& world_;
  sim::SystemOptions options_;
  std::unique_ptr<sim::System> system_;
  std::unique_ptr<vkfd::Machine> machine_;
  std::unique_ptr<sim::Waiter> waiter_;  ///< of the party that directs the actors
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace gpreempt::conformance
