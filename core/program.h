#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/time.h"

/// What a workload process does on a GPU, with every random choice already made. `workloads`
/// compiles a scenario to programs; a testbed runs them (as simulated processes, or as HIP programs
/// on hardware).
namespace gpreempt {

/// What a queue is made with where nobody asks for another one (KFD's 0..15).
inline constexpr std::uint32_t kNormalPriority = 7;

/// What one workgroup of a kernel needs to be resident on a CU.
struct KernelShape {
  std::uint32_t workgroups = 1;
  std::uint32_t waves = 1;      ///< per workgroup
  std::uint32_t vgprs = 32;     ///< per lane, AccVGPRs included
  std::uint32_t sgprs = 104;    ///< per wave
  std::uint64_t lds_bytes = 0;  ///< per workgroup
  bool operator==(const KernelShape&) const = default;
};

/// `count` equal kernels in a row, each `duration` long when it has the GPU to itself, launch
/// included.
struct KernelRun {
  std::uint32_t count = 1;
  Duration duration{};
  KernelShape shape;
  /// Each of them is a collective of the program's gang: it occupies its GPU from when it is
  /// dispatched, and ends on all ranks at once, when every rank has had it on its GPU for
  /// `duration` at the same time.
  bool collective = false;
  bool operator==(const KernelRun&) const = default;
};

/// Kernels that run one after another on one queue: a request's, or a training step's.
using KernelTrain = std::vector<KernelRun>;

/// A collective kernel between others, as an all-reduce after each layer.
struct Collective {
  std::uint32_t every = 1;  ///< kernels between two of them
  Duration duration{};      ///< once all ranks have it on their GPUs
  KernelShape shape;        ///< what it occupies, also while it waits for other ranks
  bool operator==(const Collective&) const = default;
};
/// `train` with a collective after every `every` kernels, and one at its end.
[[nodiscard]] KernelTrain with_collectives(const KernelTrain& train, const Collective& collective);

/// A train to start at `at` after the testbed's start.
struct Arrival {
  Duration at{};            ///< closed loop: think time after the client's request before it
  std::uint32_t train = 0;  ///< index into `Program::trains`; unused by a serving program
  std::uint32_t prompt_tokens = 0;  ///< serving only
  std::uint32_t output_tokens = 1;  ///< serving only; the first one ends the prefill
  bool operator==(const Arrival&) const = default;
};

/// A time that depends on a size: linear between the points, and along the last two beyond them;
/// at the first point's value below it. In rising order of size.
struct SizedTime {
  struct Point {
    std::uint32_t size = 0;
    Duration time{};
    bool operator==(const Point&) const = default;
  };
  std::vector<Point> points;
  bool operator==(const SizedTime&) const = default;
};
/// The table's time at `size`, rounded to a nanosecond and at least one. It must have a point.
[[nodiscard]] Duration time_at(const SizedTime& table, std::uint64_t size);

/// An LLM engine with continuous batching. It works in iterations: as long as requests wait and the
/// batch has room, an iteration prefills (first come first served, prompts up to
/// `max_prefill_tokens` together, at least one); otherwise it decodes one token for each request of
/// the batch. `decode_steps` decoding iterations follow one another without admitting anybody. An
/// iteration is one train of `kernels` equal kernels on queue 0.
struct Serving {
  std::uint32_t max_batch = 1;           ///< requests decoded together
  std::uint32_t max_prefill_tokens = 1;  ///< in one iteration
  std::uint32_t decode_steps = 1;        ///< between admissions (multi-step scheduling)
  SizedTime prefill;                     ///< by prompt tokens of the iteration
  SizedTime decode;                      ///< by requests in the batch
  std::uint32_t kernels = 1;             ///< per iteration
  KernelShape shape;
  std::optional<Collective> collective;  ///< of a gang; the tables' times are without it
  bool operator==(const Serving&) const = default;
};

/// The place of a program among those that wait for each other at collectives, as the ranks of a
/// job under NCCL or RCCL do. A rank is a process on one GPU.
struct GangPlace {
  std::uint32_t gang = 0;   ///< the same number for each program of it
  std::uint32_t rank = 0;   ///< of `Program::gpu`; `more_gpus` have the next ones
  std::uint32_t ranks = 1;  ///< of the whole gang
  /// A collective that is not complete so long after the first rank began it ends every process of
  /// the gang, as the watchdog of NCCL does.
  Duration timeout = Duration::max();
  bool operator==(const GangPlace&) const = default;
};

/// Who makes the process' queues.
enum class Runtime {
  kBare,  ///< KFD calls of its own: exactly `queues` compute queues
  /// ROCr and HIP: an internal queue of 64 packets first, then SDMA queues, then user queues as
  /// streams need them, at most `kHipQueuePool`; a priority other than normal is set afterwards.
  kHip,
};
/// User queues of one priority that HIP makes; further streams share them.
inline constexpr std::uint32_t kHipQueuePool = 4;

struct Program {
  std::string name;
  bool offline = false;   ///< labelled Offline: may be controlled
  std::uint32_t gpu = 0;  ///< index into `BackendInfo::gpus`
  /// Further GPUs of the same process, each with queues and the same work. Not without `gang`.
  std::vector<std::uint32_t> more_gpus;
  /// Further GPUs on which the process has a queue that never gets work.
  std::vector<std::uint32_t> idle_gpus{};
  /// Needed by collectives. All work of such a program goes to its first queue on each GPU.
  std::optional<GangPlace> gang;
  Runtime runtime = Runtime::kBare;
  /// Streams: user compute queues under kBare, mapped onto the pool under kHip. Arrivals go to them
  /// in turn, FIFO within each.
  std::uint32_t queues = 1;
  std::uint32_t hardware_priority = kNormalPriority;  ///< KFD's 0..15; HIP reaches 0, 7 and 11
  bool cooperative = false;                           ///< its queues use global wave sync (GWS)
  bool hints = false;  ///< tells the backend of each arrival and completion (after `hint_delay`)
  Duration hint_delay{};
  /// It is to tell how long others' calls kept its queues off (`ProgramProgress::bystander`). On a
  /// GPU that takes a wave on a queue of its own; a model tells in any case.
  bool heartbeat = false;
  /// Host work between a request's arrival, of which the hint tells, and the launch of its kernels.
  Duration preparation{};
  bool endless = false;  ///< runs `trains` in turn on queue 0 for ever, besides its arrivals
  /// Kernels that the process' host keeps on a queue ahead of the GPU when nothing limits its
  /// launches; what still runs after the host is stopped. 0: a whole train.
  std::uint32_t run_ahead = 0;
  std::vector<KernelTrain> trains;
  std::vector<Arrival> arrivals;  ///< in order of `at`; of a closed loop, taken cyclically
  /// > 0: a closed loop of so many clients, each issuing its next request when its last is done.
  std::uint32_t clients = 0;
  Duration issue_until = Duration::max();  ///< closed loop: it issues nothing at or after this
  std::optional<Serving> serving;          ///< set: `arrivals` are requests to this engine
  bool operator==(const Program&) const = default;
};

}  // namespace gpreempt
