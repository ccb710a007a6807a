#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "experiments/files_os.h"
#include "experiments/identification.h"
#include "experiments/session.h"

/// Machines of which it is known whose every queue is, for judging ways to find out.
namespace gpreempt::experiments {

enum class Owner { kOffline, kOnline, kOther };

/// What a person knows of the sides of a world before looking.
enum class Given {
  kLauncher,   ///< the pid of what started each side's workers
  kCgroup,     ///< each side's control group
  kContainer,  ///< each side's container, and the pids that are seen inside
  kPids,       ///< each process's pid, of the machine
};

struct TruthProcess {
  Owner owner = Owner::kOffline;
  std::uint32_t gpu = 0;
  std::uint32_t streams = 1;
  std::uint32_t priority = kNormalPriority;
  bool is_tagged = false;      ///< was started with AMD_QUEUE_TAG
  bool is_grandchild = false;  ///< of its launcher, below a process without queues
  bool uses_next_gpu = false;  ///< has a queue there, too
  bool reuses_an_id = false;   ///< has destroyed a queue that was not its last, and made another
};

struct TruthWorld {
  std::string_view name;
  std::string_view about;
  Given given = Given::kLauncher;
  std::uint32_t gpus = 1;
  bool ids_from_pid = false;  ///< see `WorldRequest`
  std::vector<TruthProcess> processes;
};

/// All of them.
[[nodiscard]] std::vector<TruthWorld> truth_set();

/// A world that was made, what can be looked at in it, and the truth.
struct MadeWorld {
  std::unique_ptr<FilesOs> files;
  Known known;
  IdentificationEvidence evidence;
  std::set<NamedQueue> truth;                      ///< the sides' compute queues
  std::set<std::pair<Pid, std::uint32_t>> others;  ///< every other queue
};

/// Launches the processes, and writes down for each what /proc and the control groups of a machine
/// would say of it. The truth comes from the driver's own interface (`Testbed::probe`), the lists
/// to look at from the backend and its views. Suspends nothing. Errors: those of the session.
[[nodiscard]] Result<MadeWorld> make_world(Session& session, const TruthWorld& world);

}  // namespace gpreempt::experiments
