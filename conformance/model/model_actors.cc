#include "conformance/model/model_actors.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "backends/kfd/os.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "backends/sim/world.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "conformance/actors.h"
#include "conformance/execute.h"
#include "conformance/operation.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::conformance {

using kfd::Fd;
using kfd::sys_fail;
using kfd::SysResult;

/// What one thread is told, and what it answers.
struct ModelActors::Lane {
  Fd orders = kfd::kNoFd;  ///< readable when there is something to do
  sim::World::Party* party = nullptr;
  kfd::Tid tid = 0;
  std::optional<Operation> order;
  std::optional<Answer> answer;
};

/// A virtual process and what its threads share.
class ModelActors::Process final : public ActorHost {
 public:
  Process(std::shared_ptr<vkfd::SimOs> os, vkfd::Machine& machine, sim::Waiter& director)
      : os_(std::move(os)), machine_(machine), director_(director) {
    for (Lane& lane : lanes_) {
      lane.orders = os_->make_waker().value();
    }
  }

  [[nodiscard]] vkfd::SimOs& sim_os() { return *os_; }
  [[nodiscard]] ActorFiles& files() { return files_; }
  [[nodiscard]] Lane& lane(Thread thread) { return lanes_.at(static_cast<std::size_t>(thread)); }

  /// The first thread is whoever calls the port first, the second one its worker.
  void begin(sim::World& world) {
    lanes_[0].party = &world.spawn("actor", [this] { serve(lanes_[0]); });
  }
  void begin_second() {
    if (std::exchange(has_second_, true)) {
      return;
    }
    (void)os_->spawn("second", [this] { serve(lanes_[1]); });
  }
  void tell(Lane& lane, const Operation& operation) {
    lane.answer.reset();
    lane.order = operation;
    os_->wake(lane.orders);
  }

  [[nodiscard]] kfd::Os& os() override { return *os_; }
  [[nodiscard]] std::int32_t own_pid() override { return os_->local_pid().value(); }
  [[nodiscard]] SysResult<std::uint32_t> device_mode() override { return machine_.device_mode(); }
  [[nodiscard]] SysResult<long> set_device_mode(std::uint32_t mode) override {
    machine_.set_device_mode(mode);
    return 0;
  }
  [[nodiscard]] SysResult<long> map(Fd fd) override {
    return sys_fail(fd == kfd::kNoFd ? EBADF : ENODEV);
  }
  [[nodiscard]] SysResult<Fd> open_path() override { return os_->open_path(); }

 private:
  void serve(Lane& lane) {
    lane.tid = os_->self();
    director_.wake();
    while (await_order(lane)) {
      const Operation operation = std::exchange(lane.order, std::nullopt).value_or(Operation{});
      const Answer answer = execute(*this, files_, operation);
      if (os_->is_dead()) {
        return;
      }
      lane.answer = answer;
      director_.wake();
    }
  }
  /// Returns whether there is one; the process may have been killed instead.
  bool await_order(Lane& lane) {
    while (!lane.order) {
      std::array<kfd::WaitFd, 1> fds{kfd::WaitFd{.fd = lane.orders}};
      if (!os_->wait(fds, kForever)) {
        return false;
      }
      os_->drain(lane.orders);
    }
    return true;
  }

  std::shared_ptr<vkfd::SimOs> os_;
  vkfd::Machine& machine_;
  sim::Waiter& director_;
  ActorFiles files_;
  std::array<Lane, 2> lanes_;
  bool has_second_ = false;
};

ModelActors::ModelActors(sim::World& world, const sim::SystemOptions& options)
    : world_(world), options_(options) {
  open();
}

ModelActors::~ModelActors() { end(); }

void ModelActors::open() {
  world_.timeline().restart();
  system_ = std::make_unique<sim::System>(world_.timeline(), options_);
  machine_ = std::make_unique<vkfd::Machine>(world_, *system_);
  waiter_ = world_.timeline().make_waiter("an actor's answer");
}

void ModelActors::end() {
  for (const auto& process : processes_) {
    process->sim_os().kill();
  }
  for (const auto& process : processes_) {
    world_.join(*process->lane(Thread::kFirst).party);
  }
  processes_.clear();
  waiter_.reset();
  machine_.reset();
  system_.reset();
}

void ModelActors::clear() {
  end();
  open();
}

Actors::Id ModelActors::add(std::unique_ptr<Process> process) {
  process->begin(world_);
  processes_.push_back(std::move(process));
  return processes_.size() - 1;
}

Result<Actors::Id> ModelActors::start(std::uint32_t user) {
  return add(std::make_unique<Process>(vkfd::SimOs::open(*machine_, user), *machine_, *waiter_));
}

Result<Actors::Id> ModelActors::fork(Id parent, bool apart) {
  Process& from = *processes_.at(parent);
  auto child = std::make_unique<Process>(from.sim_os().fork(apart), *machine_, *waiter_);
  child->files() = from.files();
  return add(std::move(child));
}

Result<void> ModelActors::exec(Id process) {
  constexpr Duration kUntilSettled = std::chrono::milliseconds(100);
  Process& named = *processes_.at(process);
  named.sim_os().exec();
  named.files() = {};
  pass(kUntilSettled);
  return {};
}

std::int32_t ModelActors::number(Id process, Thread thread) {
  Process& named = *processes_.at(process);
  if (thread == Thread::kFirst) {
    return named.sim_os().pid().value();
  }
  constexpr Duration kMoment = std::chrono::microseconds(1);
  named.begin_second();
  while (named.lane(thread).tid == 0) {
    pass(kMoment);
  }
  return named.lane(thread).tid;
}

Result<void> ModelActors::kill(Id process) {
  constexpr Duration kUntilSettled = std::chrono::milliseconds(100);
  processes_.at(process)->sim_os().kill();
  pass(kUntilSettled);
  return {};
}

Result<void> ModelActors::send(Id process, Thread thread, const Operation& operation) {
  Process& told = *processes_.at(process);
  if (thread == Thread::kSecond) {
    told.begin_second();
  }
  told.tell(told.lane(thread), operation);
  return {};
}

Result<std::optional<Answer>> ModelActors::receive(Id process, Thread thread, Duration within) {
  Lane& lane = processes_.at(process)->lane(thread);
  const Instant deadline = world_.timeline().now() + within;
  while (!lane.answer) {
    const Result<bool> woken = waiter_->wait(deadline);
    if (!woken) {
      return tl::unexpected<Error>(woken.error());
    }
    if (!*woken) {
      break;
    }
  }
  return std::exchange(lane.answer, std::nullopt);
}

void ModelActors::pass(Duration time) {
  const Instant deadline = world_.timeline().now() + time;
  while (world_.timeline().now() < deadline) {
    (void)waiter_->wait(deadline);
  }
}

}  // namespace gpreempt::conformance
