#include "backends/sim/system.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/gang.h"
#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/host_launcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/occupancy_recorder.h"
#include "backends/sim/program_check.h"
#include "backends/sim/program_runner.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/event.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// Rings of 64-byte packets: what HIP allocates for a user queue, and ROCr for SDMA.
constexpr std::uint64_t kUserRingBytes = 1U << 20U;
constexpr std::uint64_t kSdmaRingBytes = 1U << 20U;
// Source: amd_gpu_agent.cpp and amd_aql_queue.cpp of ROCr, GPU_MAX_HW_QUEUES of HIP.
constexpr std::uint32_t kMaximumPriority = 15;
constexpr int kHipSdmaQueues = 2;

}  // namespace

/// Hands a GPU's completions to the process that owns the queue.
class System::Listener final : public WaveDispatcher::Listener {
 public:
  void own(QueueIndex queue, ProgramRunner& runner) {
    if (owners_.size() <= queue) {
      owners_.resize(queue + 1);
    }
    owners_[queue] = &runner;
  }
  void first_wave(QueueIndex queue, std::uint64_t tag) override { owners_[queue]->first_wave(tag); }
  void job_done(QueueIndex queue, std::uint64_t tag) override { owners_[queue]->job_done(tag); }
  void kernel_done(QueueIndex queue) override { owners_[queue]->kernel_done(queue); }
  void meeting(QueueIndex queue, bool on) override { owners_[queue]->meeting(queue, on); }
  void went_alone(QueueIndex queue) override { owners_[queue]->went_alone(queue); }
  void lock_broken(QueueIndex queue) override { owners_[queue]->lock_broken(); }

 private:
  std::vector<ProgramRunner*> owners_;
};

System::System(Timeline& timeline, const SystemOptions& options)
    : timeline_(timeline), options_(options) {
  options_.gpu.t_dequeue = options_.gpu.t_dequeue * options.personality.dequeue_retry_units /
                           Personality::kDefaultRetryUnits;
  std::vector<Gpu*> gpus;
  for (std::uint32_t i = 0; i < options.gpus; ++i) {
    listeners_.push_back(std::make_unique<Listener>());
    gpus_.push_back(std::make_unique<Gpu>(timeline, options_.gpu, *listeners_.back(),
                                          WaveDispatcher::Options{options.skip_ahead}));
    gpus.push_back(gpus_.back().get());
  }
  kfd_ = std::make_unique<KfdModel>(timeline, std::move(gpus), options.personality, options.seed);
  kfd_->on_reset([this](Pid pid) { queues_lost(pid); });
}

System::~System() = default;

Pid System::add_controller() {
  const Pid pid(next_pid_++);
  kfd_->add_process(pid);
  return pid;
}

Pid System::add_task() {
  const Pid pid(next_pid_++);
  kfd_->add_task(pid);
  return pid;
}

void System::observe(HintSink* hints, WorkObserver* observer) {
  hints_ = hints;
  observer_ = observer;
  for (const auto& [pid, runner] : runners_) {
    runner->observe(hints, observer);
  }
}

Result<void> System::check(const Program& program) const {
  const std::string reason = unfit(program, options_.gpu, options_.gpus);
  if (!reason.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("launch program '{}': {}", program.name, reason));
  }
  return {};
}

Result<Pid> System::launch(Program program) {
  GPREEMPT_TRY(check(program));
  const Pid pid(next_pid_++);
  kfd_->add_process(pid);
  const std::vector<std::uint32_t> further = program.more_gpus;
  const std::vector<std::uint32_t> idle = program.idle_gpus;
  Program next = program;
  next.hints = false;  // the process tells of each request once
  GPREEMPT_TRY(add_runner(pid, std::move(program)));
  for (const std::uint32_t gpu : further) {
    next.gpu = gpu;
    GPREEMPT_CHECK(next.gang.has_value());
    ++next.gang->rank;
    GPREEMPT_TRY(add_runner(pid, next));
  }
  for (const std::uint32_t gpu : idle) {
    GPREEMPT_TRY(create_idle_queue(pid, gpu));
  }
  return pid;
}

/// The program on one of its GPUs, with its queues.
Result<void> System::add_runner(Pid pid, Program program) {
  const std::uint32_t queues = program.queues;
  const std::uint32_t gpu = program.gpu;
  const bool hip = program.runtime == Runtime::kHip;
  auto made = std::make_unique<ProgramRunner>(timeline_, *gpus_[gpu], pid, std::move(program));
  ProgramRunner& runner = *made;
  if (const std::optional<GangPlace>& place = runner.program().gang) {
    runner.join(gang_of(*place), place->rank);
  }
  if (runners_.contains(pid)) {
    further_.emplace(pid, std::move(made));
  } else {
    runner.observe(hints_, observer_);
    runners_.emplace(pid, std::move(made));
  }
  if (hip) {
    GPREEMPT_TRY(start_runtime(pid, gpu));
  }
  for (std::uint32_t i = 0; i < queues; ++i) {
    GPREEMPT_TRY(create_queue_of(pid, runner));
  }
  return {};
}

Gang& System::gang_of(const GangPlace& place) {
  std::unique_ptr<Gang>& gang = gangs_[place.gang];
  if (gang == nullptr) {
    gang = std::make_unique<Gang>(timeline_, place,
                                  [this, number = place.gang] { gang_timed_out(number); });
  }
  return *gang;
}

/// NCCL's watchdog ends the process that waited, and a launcher the others.
void System::gang_timed_out(std::uint32_t gang) {
  for (const auto& [pid, runner] : runners_) {
    const std::optional<GangPlace>& place = runner->program().gang;
    if (place && place->gang == gang) {
      exit(pid);
    }
  }
}

Instant System::start() {
  const auto start_all = [this](const auto& runners) {
    for (const auto& [pid, runner] : runners) {
      if (!runner->started() && kfd_->alive(pid)) {
        runner->start();
      }
    }
  };
  start_all(runners_);
  start_all(further_);
  return timeline_.now();
}

/// What ROCr makes for itself before any user queue.
Result<void> System::start_runtime(Pid pid, std::uint32_t gpu) {
  GPREEMPT_TRY(create(pid, {.gpu = gpu, .ring_bytes = kInternalRingBytes}));
  for (int i = 0; i < kHipSdmaQueues; ++i) {
    GPREEMPT_TRY(create(pid, {.gpu = gpu,
                              .type = QueueType::kSdma,
                              .priority = kMaximumPriority,
                              .ring_bytes = kSdmaRingBytes}));
  }
  return {};
}

Result<void> System::create_queue(Pid pid) { return create_queue_of(pid, runner(pid)); }

/// A user queue; under HIP one of the pool, whose priority is set when it is there.
Result<void> System::create_queue_of(Pid pid, ProgramRunner& process) {
  const Program& program = process.program();
  kfd_->open_device(pid);
  const bool hip = program.runtime == Runtime::kHip;
  if (hip && process.queues().size() >= kHipQueuePool) {
    return {};
  }
  const Result<std::uint32_t> id =
      create(pid, {.gpu = program.gpu,
                   .priority = hip ? kNormalPriority : program.hardware_priority,
                   .ring_bytes = kUserRingBytes,
                   .cooperative = program.cooperative});
  if (!id) {
    return tl::unexpected<Error>(id.error());
  }
  const std::optional<QueueIndex> queue = kfd_->hardware_queue(pid, *id);
  GPREEMPT_CHECK(queue.has_value());
  listeners_[program.gpu]->own(*queue, process);
  process.add_queue(*queue);
  if (recorder_ != nullptr) {
    recorder_->add(program.gpu, *queue, pid, gpus_[program.gpu]->occupancy(*queue));
  }
  if (!hip || program.hardware_priority == kNormalPriority) {
    return {};
  }
  const Result<long> updated = wait_for("UPDATE_QUEUE", pid, [&](KfdModel::Reply reply) {
    kfd_->update_queue(pid, *id, {.percentage = {}, .priority = program.hardware_priority},
                       std::move(reply));
  });
  return updated ? Result<void>() : tl::unexpected<Error>(updated.error());
}

Result<void> System::create_idle_queue(Pid pid, std::uint32_t gpu) {
  if (gpu >= gpus_.size()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("create a queue of process {}: GPU {} of {}; see BackendInfo::gpus",
                            pid, gpu, gpus_.size()));
  }
  kfd_->open_device(pid);
  GPREEMPT_TRY(create(pid, {.gpu = gpu, .ring_bytes = kUserRingBytes}));
  return {};
}

Result<std::uint32_t> System::create(Pid pid, const KfdModel::NewQueue& queue) {
  const Result<long> id = wait_for("CREATE_QUEUE", pid, [&](KfdModel::Reply reply) {
    kfd_->create_queue(pid, queue, std::move(reply));
  });
  if (!id) {
    return tl::unexpected<Error>(id.error());
  }
  return static_cast<std::uint32_t>(*id);
}

/// Blocks until the driver has answered a call of the process.
Result<long> System::wait_for(const char* what, Pid pid,
                              const std::function<void(KfdModel::Reply)>& call) {
  const std::unique_ptr<Waiter> waiter = timeline_.make_waiter(what);
  long answer = -EINTR;
  call([&](long result) {
    answer = result;
    waiter->wake();
  });
  const Result<bool> woken = waiter->wait(kForever);
  if (!woken) {
    return tl::unexpected<Error>(woken.error());
  }
  if (answer < 0) {
    return fail(answer == -ESRCH ? Errc::kProcessExited : Errc::kNotPermitted,
                fmt::format("{} of process {}: errno {}", what, pid, -answer),
                static_cast<int>(-answer));
  }
  return answer;
}

/// ROCr's default: a process that lost a queue to a reset aborts. One without it stays.
void System::queues_lost(Pid pid) {
  const auto found = runners_.find(pid);
  if (found != runners_.end() && found->second->program().runtime == Runtime::kHip) {
    exit(pid);
  }
}

void System::exit(Pid pid) {
  if (kfd_->alive(pid)) {
    if (const auto found = runners_.find(pid); found != runners_.end()) {
      found->second->stop();
    }
    for (auto [each, end] = further_.equal_range(pid); each != end; ++each) {
      each->second->stop();
    }
    kfd_->exit_process(pid);
    if (on_exit_) {
      on_exit_(pid);
    }
  }
}

// ---- what a process does and suffers while it runs
// ------------------------------------------------------------

Result<void> System::check_alive(const char* what, Pid pid) const {
  if (kfd_->alive(pid) || GPREEMPT_MUTANT("dead-process-calls")) {
    return {};
  }
  return fail(Errc::kProcessExited,
              fmt::format("{} of process {}: it has ended; launch another one", what, pid));
}

Result<void> System::destroy_queue(Pid pid) {
  GPREEMPT_TRY(check_alive("DESTROY_QUEUE", pid));
  const std::vector<QueueIndex>& own = runner(pid).queues();
  if (own.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("DESTROY_QUEUE of process {}: it has no user queue; create one", pid));
  }
  const QueueIndex newest = own.back();
  const std::vector<KfdModel::ListedQueue> queues = kfd_->queues_of(pid);
  const auto found = std::ranges::find_if(queues, [&](const KfdModel::ListedQueue& queue) {
    return queue.gpu == runner(pid).program().gpu && queue.hardware == newest;
  });
  GPREEMPT_CHECK(found != queues.end());
  runner(pid).retire_queue(newest);
  ++calls_[pid];
  kfd_->destroy_queue(pid, found->id, [this, pid](long /*result*/) { --calls_[pid]; });
  return {};
}

Result<void> System::set_runtime(Pid pid, bool enabled) {
  GPREEMPT_TRY(check_alive("RUNTIME_ENABLE", pid));
  kfd_->open_device(pid);
  ++calls_[pid];
  begin_set_runtime(pid, enabled);
  return {};
}

/// A call that a signal interrupts is made again, unless its program is gone.
void System::begin_set_runtime(Pid pid, bool enabled) {
  kfd_->set_runtime(pid, {.enabled = enabled},
                    [this, pid, enabled, program = programs_[pid]](long result) {
                      if (result == -EINTR && kfd_->alive(pid) && program == programs_[pid]) {
                        begin_set_runtime(pid, enabled);
                      } else {
                        --calls_[pid];
                      }
                    });
}

std::uint32_t System::calls_in_driver(Pid pid) const {
  const auto found = calls_.find(pid);
  return found == calls_.end() ? 0 : found->second;
}

Result<void> System::exec(Pid pid) {
  GPREEMPT_TRY(check_alive("exec", pid));
  ++programs_[pid];
  runner(pid).replace_program();
  for (auto [each, end] = further_.equal_range(pid); each != end; ++each) {
    each->second->replace_program();
  }
  kfd_->exec_process(pid);
  if (on_exec_) {
    on_exec_(pid);
  }
  return {};
}

Result<void> System::evict(Pid pid) {
  GPREEMPT_TRY(check_alive("eviction", pid));
  kfd_->evict(pid, KfdModel::Eviction::kTtm);
  return {};
}

Result<void> System::hang_firmware(GpuId gpu) {
  for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
    if (gpu_id_of(i) == gpu || GPREEMPT_MUTANT("first-gpu-hangs")) {
      gpus_[i]->hang_firmware();
      return {};
    }
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("hang firmware of GPU {}: there is none; see BackendInfo::gpus", gpu));
}

std::string_view System::name_of(Pid pid) const {
  const auto found = runners_.find(pid);
  return found == runners_.end() ? std::string_view() : found->second->program().name;
}

HostLauncher* System::launcher(Pid pid) const {
  const auto found = runners_.find(pid);
  return found == runners_.end() ? nullptr : &found->second->launcher();
}

ProgramRunner& System::runner(Pid pid) const {
  const auto found = runners_.find(pid);
  GPREEMPT_CHECK(found != runners_.end());
  return *found->second;
}

ProgramProgress System::progress(Pid pid) const {
  ProgramProgress sum = runner(pid).progress();
  for (auto [each, end] = further_.equal_range(pid); each != end; ++each) {
    const ProgramProgress more = each->second->progress();
    sum.work += more.work;
    sum.kernels += more.kernels;
    sum.bystander += more.bystander;
    sum.collective_wait += more.collective_wait;
  }
  return sum;
}

const std::vector<RequestRecord>& System::requests(Pid pid) const { return runner(pid).requests(); }

}  // namespace gpreempt::sim
