#include "backends/sim/system.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/program_runner.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/event.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// What HIP allocates for a user queue.
constexpr std::uint64_t kUserRingBytes = 1U << 20U;

std::string unfit_shape(const KernelShape& shape, const GpuParameters& gpu) {
  if (shape.workgroups > 0 && shape.waves > 0 && workgroups_per_cu(gpu, shape) > 0) {
    return {};
  }
  return fmt::format("a workgroup of {} waves, {} VGPRs and {} B of LDS does not fit on a CU",
                     shape.waves, shape.vgprs, shape.lds_bytes);
}

/// Why this GPU cannot run what the program launches; empty if it can.
std::string unfit_work(const Program& program, const GpuParameters& gpu) {
  for (const KernelTrain& train : program.trains) {
    if (train.empty()) {
      return "a train without kernels";
    }
    for (const KernelRun& run : train) {
      if (std::string reason = unfit_shape(run.shape, gpu); run.count == 0 || !reason.empty()) {
        return reason.empty() ? "a run of no kernels" : reason;
      }
    }
  }
  if (program.clients > 0 && program.arrivals.empty()) {
    return "a closed loop without requests";
  }
  if (const std::optional<Serving>& serving = program.serving) {
    if (serving->max_batch == 0 || serving->kernels == 0 || serving->prefill.points.empty() ||
        serving->decode.points.empty()) {
      return "a serving engine without batch, kernels or times";
    }
    return unfit_shape(serving->shape, gpu);
  }
  for (const Arrival& arrival : program.arrivals) {
    if (arrival.train >= program.trains.size()) {
      return fmt::format("an arrival names train {} of {}", arrival.train, program.trains.size());
    }
  }
  return {};
}

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

 private:
  std::vector<ProgramRunner*> owners_;
};

System::System(Timeline& timeline, const SystemOptions& options)
    : timeline_(timeline), options_(options) {
  std::vector<Gpu*> gpus;
  for (std::uint32_t i = 0; i < options.gpus; ++i) {
    listeners_.push_back(std::make_unique<Listener>());
    gpus_.push_back(std::make_unique<Gpu>(timeline, options_.gpu, *listeners_.back(),
                                          WaveDispatcher::Options{options.skip_ahead}));
    gpus.push_back(gpus_.back().get());
  }
  kfd_ = std::make_unique<KfdModel>(timeline, std::move(gpus), options.personality, options.seed);
}

System::~System() = default;

Pid System::add_controller() {
  const Pid pid(next_pid_++);
  kfd_->add_process(pid);
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
  const auto refuse = [&program](std::string reason) {
    return fail(Errc::kInvalidArgument,
                fmt::format("launch program '{}': {}", program.name, reason));
  };
  if (program.gpu >= gpus_.size()) {
    return refuse(fmt::format("GPU {} of {}", program.gpu, gpus_.size()));
  }
  if (program.queues == 0 || (program.endless && program.trains.empty())) {
    return refuse("nothing to run");
  }
  const std::uint32_t queues = kfd_->active_queues(program.gpu) + program.queues;
  if (queues > options_.gpu.hqd_slots) {
    return refuse(
        fmt::format("{} queues on {} hardware slots; an oversubscribed runlist is not "
                    "modelled in this version, use fewer queues",
                    queues, options_.gpu.hqd_slots));
  }
  if (kfd_->processes(program.gpu) >= options_.gpu.vmids) {
    return refuse(
        fmt::format("more than {} processes on one GPU; an oversubscribed runlist is not "
                    "modelled in this version, use fewer tenants",
                    options_.gpu.vmids));
  }
  if (std::string reason = unfit_work(program, options_.gpu); !reason.empty()) {
    return refuse(std::move(reason));
  }
  return {};
}

Result<Pid> System::launch(Program program) {
  GPREEMPT_TRY(check(program));
  const Pid pid(next_pid_++);
  kfd_->add_process(pid);
  const std::uint32_t queues = program.queues;
  auto runner =
      std::make_unique<ProgramRunner>(timeline_, *gpus_[program.gpu], pid, std::move(program));
  runner->observe(hints_, observer_);
  runners_.emplace(pid, std::move(runner));
  for (std::uint32_t i = 0; i < queues; ++i) {
    GPREEMPT_TRY(create_queue(pid));
  }
  return pid;
}

Instant System::start() {
  for (const auto& [pid, runner] : runners_) {
    if (!runner->started() && kfd_->alive(pid)) {
      runner->start();
    }
  }
  return timeline_.now();
}

Result<void> System::create_queue(Pid pid) {
  ProgramRunner& process = runner(pid);
  const std::uint32_t gpu = process.program().gpu;
  const std::unique_ptr<Waiter> waiter = timeline_.make_waiter("CREATE_QUEUE");
  long id = -EINTR;
  kfd_->create_queue(pid,
                     {.gpu = gpu,
                      .type = QueueType::kCompute,
                      .priority = process.program().hardware_priority,
                      .ring_bytes = kUserRingBytes},
                     [&](long result) {
                       id = result;
                       if (result >= 0) {
                         const QueueIndex queue =
                             *kfd_->hardware_queue(pid, static_cast<std::uint32_t>(result));
                         listeners_[gpu]->own(queue, process);
                         process.add_queue(queue);
                       }
                       waiter->wake();
                     });
  const Result<bool> woken = waiter->wait(kForever);
  if (!woken) {
    return tl::unexpected<Error>(woken.error());
  }
  if (id < 0) {
    return fail(Errc::kProcessExited, fmt::format("create queue of process {}: errno {}", pid, -id),
                static_cast<int>(-id));
  }
  return {};
}

void System::exit(Pid pid) {
  if (kfd_->alive(pid)) {
    if (const auto found = runners_.find(pid); found != runners_.end()) {
      found->second->stop();
    }
    kfd_->exit_process(pid);
    if (on_exit_) {
      on_exit_(pid);
    }
  }
}

ProgramRunner& System::runner(Pid pid) const {
  const auto found = runners_.find(pid);
  GPREEMPT_CHECK(found != runners_.end());
  return *found->second;
}

ProgramProgress System::progress(Pid pid) const { return runner(pid).progress(); }

const std::vector<RequestRecord>& System::requests(Pid pid) const { return runner(pid).requests(); }

}  // namespace gpreempt::sim
