#include "cli/worlds.h"

#include <exception>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "cli/run_options.h"
#include "cli/safety_options.h"
#include "core/error.h"
#include "core/testbed.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/launch/process_testbed.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/kfd/testbed.h"
#include "cli/supervision.h"
#include "cli/suspend_run.h"
#include "workloads/program_file.h"
#endif
#ifdef GPREEMPT_CLI_HAS_VKFD
#include "backends/sim/world.h"
#include "backends/vkfd/vkfd_testbed.h"
#endif

namespace gpreempt::cli {
namespace {

Result<void> check_kfd([[maybe_unused]] const std::string& device) {
#ifdef GPREEMPT_CLI_HAS_KFD
  kfd::LinuxOs os;
  const auto backend = kfd::open_backend(os, {.device = device, .take_signals = false});
  if (!backend) {
    // Whatever it is, it is not the command line that is wrong.
    Error error = backend.error();
    error.code = error.code == Errc::kUnsupported ? Errc::kNoSuchDevice : error.code;
    error.what += "; `gpreempt doctor` looks at all that is needed";
    return tl::unexpected<Error>(std::move(error));
  }
  return (*backend)->close();
#else
  return fail(Errc::kNoSuchDevice,
              "backend kfd: left out of this build; configure with GPREEMPT_WITH_KFD=ON on Linux");
#endif
}

#ifdef GPREEMPT_CLI_HAS_KFD
/// Opens this machine under a guard and a watchdog, again and again.
class ThisMachine {
 public:
  explicit ThisMachine(SafetyOptions safety) : safety_(std::move(safety)) {}

  /// The machine that there is, whatever machine is asked for; it may have too few GPUs.
  Result<std::unique_ptr<Testbed>> open(const sim::SystemOptions& options) {
    return kfd::open_testbed({.text_of = program_text,
                              .open = [this](kfd::Os& os) { return open_guarded(os); },
                              .gpus = options.gpus});
  }

 private:
  Result<kfd::OpenedBackend> open_guarded(kfd::Os& os) {
    kfd::SupervisionOptions supervision = supervision_of(os, safety_, kfd::BackendOptions().device);
    supervision.backend.for_programs = true;
    auto opened = kfd::open_supervised(os, std::move(supervision));
    if (!opened) {
      return tl::unexpected<Error>(std::move(opened).error());
    }
    for (const std::string& warning : opened->warnings) {
      if (said_.insert(warning).second) {
        say("warning: " + warning);
      }
    }
    return opened_by_testbed(*std::move(opened));
  }

  SafetyOptions safety_;
  std::set<std::string> said_;
};
#endif

#ifdef GPREEMPT_CLI_HAS_VKFD
Result<std::unique_ptr<Testbed>> open(BackendKind kind, sim::World& world,
                                      const sim::SystemOptions& options) {
  if (kind == BackendKind::kVkfd) {
    return vkfd::open_vkfd_testbed(world, options);
  }
  GPREEMPT_CHECK(kind == BackendKind::kSim);
  return sim::open_sim_testbed(world.timeline(), options);
}
#endif

/// No exception may leave a party of the world; the one that ends a party is not a std::exception.
Result<void> guarded(const std::function<Result<void>()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return fail(Errc::kInternal, std::string("running the simulation: ") + error.what());
  }
}

}  // namespace

Result<void> check_backend(BackendKind kind, const std::string& device) {
  switch (kind) {
    case BackendKind::kSim: return {};
    case BackendKind::kKfd: return check_kfd(device);
    case BackendKind::kVkfd: break;
  }
#ifdef GPREEMPT_CLI_HAS_VKFD
  return {};
#else
  return fail(Errc::kUnsupported,
              "backend vkfd: left out of this build; configure with GPREEMPT_WITH_SIM=ON and "
              "GPREEMPT_WITH_KFD=ON on Linux, where SimGrid is installed");
#endif
}

Result<void> run_in_world(BackendKind kind, const sim::SystemOptions& options,
                          const std::function<Result<void>(const OpenTestbed&)>& body) {
  return run_in_world(kind, {}, [&](const OpenMachine& open_machine) {
    return body([&] { return open_machine(options); });
  });
}

Result<void> run_in_world(BackendKind kind, [[maybe_unused]] const SafetyOptions& safety,
                          const std::function<Result<void>(const OpenMachine&)>& body) {
#ifdef GPREEMPT_CLI_HAS_KFD
  if (kind == BackendKind::kKfd) {
    ThisMachine machine(safety);
    return guarded([&] {
      return body([&](const sim::SystemOptions& options) { return machine.open(options); });
    });
  }
#endif
#ifdef GPREEMPT_CLI_HAS_VKFD
  sim::World world;
  const OpenMachine opener = [&](const sim::SystemOptions& options) {
    return open(kind, world, options);
  };
  Result<void> result;
  GPREEMPT_TRY(world.run([&] { result = guarded([&] { return body(opener); }); }));
  return result;
#else
  // Only processes beside the models need the engine: without them a timeline is enough.
  GPREEMPT_TRY(check_backend(kind));
  sim::PlainTimeline timeline;
  return guarded([&] {
    return body([&](const sim::SystemOptions& options) {
      return sim::open_sim_testbed(timeline, options);
    });
  });
#endif
}

Result<void> run_without_engine(const sim::SystemOptions& options,
                                const std::function<Result<void>(const OpenTestbed&)>& body) {
  sim::PlainTimeline timeline;
  return guarded([&] {
    return body([&]() -> Result<std::unique_ptr<Testbed>> {
      return sim::open_sim_testbed(timeline, options);
    });
  });
}

}  // namespace gpreempt::cli
