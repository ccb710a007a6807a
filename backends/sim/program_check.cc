#include "backends/sim/program_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "core/program.h"

namespace gpreempt::sim {
namespace {

std::string unfit_shape(const KernelShape& shape, const GpuParameters& gpu) {
  if (shape.workgroups > 0 && shape.waves > 0 && workgroups_per_cu(gpu, shape) > 0) {
    return {};
  }
  return fmt::format("a workgroup of {} waves, {} VGPRs and {} B of LDS does not fit on a CU",
                     shape.waves, shape.vgprs, shape.lds_bytes);
}

/// Its workgroups are all on the GPU together.
bool fits_at_once(const KernelShape& shape, const GpuParameters& gpu) {
  return share_of_xccs(shape.workgroups, gpu.xccs).front() <=
         workgroups_per_cu(gpu, shape) * gpu.cus_per_xcc;
}

std::string unfit_train(const KernelTrain& train, const GpuParameters& gpu) {
  if (train.empty()) {
    return "a train without kernels";
  }
  for (const KernelRun& run : train) {
    if (run.count == 0) {
      return "a run of no kernels";
    }
    if (std::string reason = unfit_shape(run.shape, gpu); !reason.empty()) {
      return reason;
    }
    if (run.collective && !fits_at_once(run.shape, gpu)) {
      return fmt::format(
          "a collective of {} workgroups, which the GPU cannot hold at once: it "
          "would wait for itself",
          run.shape.workgroups);
    }
  }
  return {};
}

bool has_collective(const KernelTrain& train) {
  return std::ranges::any_of(train, &KernelRun::collective);
}

/// Why the program's place among others makes no sense; empty if it does.
std::string unfit_gang(const Program& program) {
  if (!program.gang) {
    const bool meets = std::ranges::any_of(program.trains, has_collective) ||
                       (program.serving && program.serving->collective);
    return meets || !program.more_gpus.empty()
               ? "collectives or several GPUs, and no place in a gang"
               : "";
  }
  const std::size_t last = program.gang->rank + program.more_gpus.size();
  return last < program.gang->ranks
             ? ""
             : fmt::format("rank {} of a gang of {}", last, program.gang->ranks);
}

/// Why this GPU cannot run what the program launches; empty if it can.
std::string unfit_work(const Program& program, const GpuParameters& gpu) {
  for (const KernelTrain& train : program.trains) {
    if (std::string reason = unfit_train(train, gpu); !reason.empty()) {
      return reason;
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
    if (serving->collective && !fits_at_once(serving->collective->shape, gpu)) {
      return "a collective that the GPU cannot hold at once: it would wait for itself";
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

std::string unfit_place(const Program& program, std::uint32_t gpus) {
  const auto no_such = [gpus](std::uint32_t gpu) { return gpu >= gpus; };
  if (no_such(program.gpu)) {
    return fmt::format("GPU {} of {}", program.gpu, gpus);
  }
  for (const std::vector<std::uint32_t>& further : {program.more_gpus, program.idle_gpus}) {
    const auto wrong = std::ranges::find_if(further, no_such);
    if (wrong != further.end()) {
      return fmt::format("GPU {} of {}", *wrong, gpus);
    }
  }
  return {};
}

}  // namespace

std::string unfit(const Program& program, const GpuParameters& gpu, std::uint32_t gpus) {
  if (std::string reason = unfit_place(program, gpus); !reason.empty()) {
    return reason;
  }
  if (std::string reason = unfit_gang(program); !reason.empty()) {
    return reason;
  }
  if (program.queues == 0 || (program.endless && program.trains.empty())) {
    return "nothing to run";
  }
  return unfit_work(program, gpu);
}

}  // namespace gpreempt::sim
