#include "cli/hardware_rig.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "backends/sim/system.h"
#include "cli/hardware_check.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {

using experiments::Followed;
using experiments::Session;

experiments::Setting setting_of(const Campaign& campaign) {
  return {.open =
              [&campaign](const experiments::WorldRequest& request) {
                sim::SystemOptions machine = campaign.machine;
                machine.gpus = request.gpus;
                machine.seed = request.seed;
                return campaign.open(machine);
              },
          .quick = !campaign.full,
          .seed = campaign.seed,
          .backend = to_string(campaign.backend.kind),
          .basis = campaign.backend.kind == BackendKind::kKfd ? experiments::Basis::kMeasured
                                                              : experiments::Basis::kSimulated,
          .progress = {}};
}

Program busy_job(std::uint32_t queues) {
  constexpr std::uint32_t kWorkgroups = 640;
  Program job;
  job.name = "job";
  job.offline = true;
  job.queues = queues;
  job.clients = queues;
  job.trains = {{KernelRun{
      .count = 20,
      .duration = std::chrono::milliseconds(1),
      .shape = {.workgroups = kWorkgroups / queues, .waves = 4, .vgprs = 64, .lds_bytes = 16384}}}};
  job.arrivals = {Arrival{}};
  return job;
}

Program telling_service(std::uint32_t requests, Duration first, Duration period) {
  Program service;
  service.name = "service";
  service.hints = true;
  service.trains = {
      {KernelRun{.count = 20,
                 .duration = std::chrono::microseconds(100),
                 .shape = {.workgroups = 640, .waves = 4, .vgprs = 64, .lds_bytes = 16384}}}};
  for (std::uint32_t i = 0; i < requests; ++i) {
    service.arrivals.push_back(Arrival{.at = first + i * period});
  }
  return service;
}

Result<Followed> start_job(Session& session, Program program) {
  Pid pid;
  Followed job;
  GPREEMPT_TRY(store(pid, session.run(std::move(program))));
  GPREEMPT_TRY(store(job, session.follow(pid, AttachMode::kControl)));
  GPREEMPT_TRY(session.wait_until([&] {
    const ProgramProgress progress = session.testbed().progress(pid);
    return progress.work > Duration::zero() || progress.kernels > 0;
  }));
  GPREEMPT_TRY(experiments::check_tells_work(session.testbed().progress(pid)));
  return job;
}

Result<Pair> launch_pair(Session& session, Program job, Program service) {
  Pair pair;
  Pid job_pid;
  Pid service_pid;
  GPREEMPT_TRY(store(job_pid, session.testbed().launch(std::move(job))));
  GPREEMPT_TRY(store(service_pid, session.testbed().launch(std::move(service))));
  GPREEMPT_TRY(store(pair.job, session.follow(job_pid, AttachMode::kControl)));
  GPREEMPT_TRY(store(pair.service, session.follow(service_pid, AttachMode::kObserve)));
  return pair;
}

}  // namespace gpreempt::cli
