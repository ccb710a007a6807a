#include "backends/vkfd/sim_os.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "backends/sim/world.h"
#include "backends/vkfd/kernel_side.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/open_file.h"
#include "core/ids.h"
#include "core/time.h"

/// Life and death, workers, and the wait.
namespace gpreempt::vkfd {

using kfd::Fd;
using kfd::sys_fail;
using kfd::SysResult;
using kfd::WaitFd;
using kfd::WorkerId;

namespace {

/// Has a waiter woken by files while its scope lasts, also if that is left by unwinding.
class Watch {
 public:
  Watch(std::span<const std::shared_ptr<OpenFile>> files, sim::Waiter& waiter)
      : files_(files), waiter_(waiter) {
    for (const auto& file : files_) {
      file->watch(waiter_);
    }
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    for (const auto& file : files_) {
      file->unwatch(waiter_);
    }
  }

 private:
  std::span<const std::shared_ptr<OpenFile>> files_;
  sim::Waiter& waiter_;
};

}  // namespace

// ---- life and death

std::shared_ptr<SimOs> SimOs::open(Machine& machine, std::uint32_t user) {
  const Pid pid = machine.system().add_task();
  return std::shared_ptr<SimOs>(new SimOs(machine, pid, user, false));
}

std::shared_ptr<SimOs> SimOs::fork(bool apart) const {
  const Pid pid = machine_.system().add_task();
  std::shared_ptr<SimOs> child(new SimOs(machine_, pid, user_, apart));
  const std::size_t own = child->files_.size();
  for (std::size_t i = own; i < files_.size(); ++i) {
    child->files_.push_back(files_[i]);
  }
  return child;
}

SimOs::SimOs(Machine& machine, Pid pid, std::uint32_t user, bool apart)
    : machine_(machine),
      timeline_(machine.world().timeline()),
      pid_(pid),
      user_(user),
      apart_(apart),
      kernel_(std::make_shared<KernelSide>(machine, pid)) {
  constexpr std::size_t kStandardStreams = 3;
  files_.resize(kStandardStreams);
  child_events_ = add(std::make_shared<WakeFile>("a child's change"));
  signals_ = add(std::make_shared<SignalFile>());
  machine.processes().add_listener(pid, *this);
  machine.processes().set_user(pid, user);
}

SimOs::~SimOs() { abandon(); }

/// From here on the process has no effect but what its calls in the driver have begun.
bool SimOs::mark_dead() {
  if (std::exchange(dead_, true)) {
    return false;
  }
  machine_.processes().remove_listener(pid_);
  return true;
}

void SimOs::kill() {
  if (!mark_dead()) {
    return;
  }
  std::vector<sim::World::Party*> parties;
  for (const auto& [party, worker] : workers_) {
    if (worker->spawned && !sim::World::ended(*worker->party)) {
      parties.push_back(worker->party);
    } else if (!worker->spawned && worker->waiter) {
      worker->waiter->wake();
    }
  }
  machine_.world().kill(parties);
  for (const auto& [party, worker] : workers_) {
    worker->body = nullptr;
  }
  const std::vector<File> closed = std::exchange(files_, {});
  kernel_->die();
}

void SimOs::thaw() {
  frozen_ = false;
  for (const auto& [party, worker] : workers_) {
    if (worker->thawed) {
      worker->thawed->wake();
    }
  }
}

bool SimOs::await_thaw() {
  while (frozen_ && !dead_ && current().spawned) {
    Worker& worker = current();
    if (worker.thawed == nullptr) {
      worker.thawed = timeline_.make_waiter("its process to be thawed");
    }
    (void)worker.thawed->wait(kForever);
  }
  return !dead_;
}

void SimOs::exec() {
  for (File& file : files_) {
    const bool stays = std::dynamic_pointer_cast<WakeFile>(file) != nullptr ||
                       std::dynamic_pointer_cast<SignalFile>(file) != nullptr;
    if (!stays) {
      file = nullptr;
    }
  }
  machine_.processes().executed(pid_);
  machine_.system().kfd().exec_process(pid_);
}

void SimOs::abandon() {
  if (mark_dead()) {
    kernel_->die();
  }
}

void SimOs::ask_to_end(int signal) {
  if (const auto file = find_as<SignalFile>(signals_)) {
    file->raise(static_cast<std::uint32_t>(signal));
  }
}

// ---- workers

SimOs::Worker& SimOs::current() {
  sim::World::Party& party = machine_.world().current();
  std::unique_ptr<Worker>& worker = workers_[&party];
  if (worker == nullptr) {
    worker = std::make_unique<Worker>();
    worker->party = &party;
    worker->tid = std::exchange(has_main_, true) ? machine_.new_tid(pid_) : pid_.value();
  }
  return *worker;
}

ProcessTable::Caller SimOs::caller() { return {.process = pid_, .thread = current().tid}; }

SysResult<WorkerId> SimOs::spawn(std::string name, std::function<void()> body) {
  if (dead_) {
    return sys_fail(EAGAIN);
  }
  auto worker = std::make_unique<Worker>();
  Worker& made = *worker;
  made.tid = machine_.new_tid(pid_);
  made.body = std::move(body);
  made.spawned = true;
  made.party = &machine_.world().spawn(std::move(name), [this, &made] { run(made); });
  workers_.emplace(made.party, std::move(worker));
  const WorkerId id(next_worker_++);
  joinable_.emplace(id, &made);
  return id;
}

void SimOs::run(Worker& worker) {
  const std::shared_ptr<SimOs> keep = shared_from_this();
  // On this stack, so that what it holds is gone with it and not later.
  const std::function<void()> body = std::exchange(worker.body, nullptr);
  if (await_thaw()) {
    body();
  }
}

SysResult<void> SimOs::join(WorkerId worker) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  auto node = joinable_.extract(worker);
  if (node.empty()) {
    return sys_fail(ESRCH);
  }
  sim::World::Party& party = *node.mapped()->party;
  machine_.world().join(party);
  workers_.erase(&party);
  if (!await_thaw()) {
    return sys_fail(ECANCELED);
  }
  return {};
}

// ---- the wait

SysResult<Fd> SimOs::make_waker() {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  return add(std::make_shared<WakeFile>("a message"));
}

void SimOs::wake(Fd waker) {
  if (const auto file = find_as<WakeFile>(waker)) {
    file->wake();
  }
}

void SimOs::drain(Fd fd) {
  if (OpenFile* const file = find(fd)) {
    file->drain();
  }
}

SysResult<std::size_t> SimOs::wait(std::span<WaitFd> fds, Instant deadline) {
  std::vector<File> files;
  files.reserve(fds.size());
  for (const WaitFd& item : fds) {
    if (find(item.fd) == nullptr) {
      return sys_fail(dead_ ? ECANCELED : EBADF);
    }
    files.push_back(files_[static_cast<std::size_t>(item.fd)]);
  }
  while (!dead_) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      fds[i].ready = files[i]->readable();
      count += fds[i].ready ? 1U : 0U;
    }
    if (count > 0 || timeline_.now() >= deadline) {
      if (!await_thaw()) {
        break;
      }
      return count;
    }
    sim::Waiter& waiter = waiter_for(current(), files);
    const Watch watch(files, waiter);
    if (!waiter.wait(deadline)) {
      break;
    }
  }
  return sys_fail(ECANCELED);
}

sim::Waiter& SimOs::waiter_for(Worker& worker, std::span<const File> files) {
  const auto same = [](const OpenFile* known, const File& file) { return known == file.get(); };
  const bool fits =
      worker.waiter != nullptr && std::equal(worker.waiter_files.begin(), worker.waiter_files.end(),
                                             files.begin(), files.end(), same);
  if (!fits) {
    std::string what;
    worker.waiter_files.clear();
    for (const File& file : files) {
      what += fmt::format("{}{}", what.empty() ? "" : " or ", file->what());
      worker.waiter_files.push_back(file.get());
    }
    worker.waiter = timeline_.make_waiter(what.empty() ? "time to pass" : std::move(what));
  }
  return *worker.waiter;
}

// ---- descriptors

OpenFile* SimOs::find(Fd fd) const {
  const auto index = static_cast<std::size_t>(fd);
  return fd >= 0 && index < files_.size() ? files_[index].get() : nullptr;
}

Fd SimOs::add(File file) {
  constexpr std::ptrdiff_t kFirst = 3;
  const auto free = std::find(files_.begin() + kFirst, files_.end(), nullptr);
  const auto index = free - files_.begin();
  if (free == files_.end()) {
    files_.push_back(std::move(file));
  } else {
    *free = std::move(file);
  }
  return static_cast<Fd>(index);
}

}  // namespace gpreempt::vkfd
