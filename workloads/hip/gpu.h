#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/heartbeat_log.h"
#include "workloads/hip/host.h"
#include "workloads/hip/witness.h"
#include "workloads/hip/witness_math.h"

/// The GPU as a workload process sees it: streams, kernels, stamps. What is behind it is HIP, CUDA
/// or a model in a test; nothing above it knows.
namespace gpreempt::hip {

struct GpuFacts {
  std::string name;
  std::string architecture;  ///< "gfx942", "sm_90"
  std::string runtime;       ///< "HIP 50221153", "CUDA 13000"
  std::string bus;           ///< PCI address, which tells one GPU from another everywhere
  std::uint32_t cus = 0;
  std::uint32_t wave = 0;       ///< lanes
  std::uint64_t lds_bytes = 0;  ///< that one workgroup can have
};

/// What a kernel consists of. Its time is a fixed part and so many equal iterations.
struct Kernel {
  KernelShape shape;
  std::uint64_t iterations = 1;
  /// 16-byte words that each lane reads and writes in memory before its iterations.
  std::uint32_t touches = 0;
  /// > 0: instead of all this a product of two square matrices of so many rows.
  std::uint32_t gemm = 0;
};

/// `count` equal kernels in a row.
struct KernelBatch {
  std::uint32_t count = 1;
  Kernel kernel;
};

/// Names of what was made; dense from 0.
using StreamId = std::uint32_t;
using Ticket = std::uint64_t;

/// What became of a submission.
struct Finish {
  std::uint64_t first_ticks = 0;  ///< its first wave began
  std::uint64_t last_ticks = 0;   ///< its last wave ended
  std::uint32_t losses = 0;       ///< that lanes have found on this stream so far
  std::optional<Audit> audit;     ///< of its last kernel, if it was asked for
};

/// A kernel as it was compiled.
struct KernelFacts {
  WitnessShape witness;
  std::uint32_t registers = 0;  ///< per lane, as the compiler says
  std::uint64_t lds_bytes = 0;
};

/// Of an endless kernel.
struct EndlessProgress {
  std::uint64_t iterations = 0;  ///< that all blocks have done together
};

class Gpu {
 public:
  Gpu() = default;
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;
  virtual ~Gpu() = default;

  [[nodiscard]] virtual const GpuFacts& facts() const = 0;

  /// The kernel that serves a shape: the one with the fewest registers that has at least as many as
  /// are asked for. Errors: kInvalidArgument (no workgroup of this GPU is like that, and why).
  [[nodiscard]] virtual Result<KernelFacts> kernel_facts(const KernelShape& shape) = 0;

  /// A queue. `hardware_priority` as KFD has it: below 7 is low, above 7 high. Errors:
  /// kOutOfResources is kHardwareFailure here: the runtime's own text.
  [[nodiscard]] virtual Result<StreamId> add_stream(std::uint32_t hardware_priority) = 0;

  /// Puts kernels on a stream, behind what is there. `audit`: the last one leaves sums for the
  /// host. Errors: kBusy (as many submissions as it can remember are unfinished), kInvalidArgument,
  /// kHardwareFailure.
  [[nodiscard]] virtual Result<Ticket> submit(StreamId stream, std::span<const KernelBatch> train,
                                              bool audit) = 0;
  /// nullopt: not finished. Never blocks. A ticket that was reported finished is forgotten.
  /// Errors: kHardwareFailure.
  [[nodiscard]] virtual Result<std::optional<Finish>> poll(Ticket ticket) = 0;

  /// What lanes found on a stream since the last call; the first few hundred of them.
  [[nodiscard]] virtual Result<std::vector<LossRecord>> take_losses(StreamId stream) = 0;
  /// Corrupts an accumulator of a later kernel, once.
  virtual void inject(StreamId stream, const WitnessFault& fault) = 0;

  /// Blocks: for `readings` round trips, some microseconds each. Errors: kTimedOut (the GPU does
  /// not answer within a second: its queues are off, or another process keeps it).
  [[nodiscard]] virtual Result<std::vector<ClockSample>> read_clock(Host& host,
                                                                    std::uint32_t readings) = 0;

  /// Starts the heartbeat on a queue of its own; gaps above `threshold_ticks` are kept.
  [[nodiscard]] virtual Result<void> start_heartbeat(std::uint64_t threshold_ticks) = 0;
  /// What the one that runs has seen so far, without its first `from` gaps. Never blocks.
  [[nodiscard]] virtual HeartbeatLog heartbeat_so_far(std::size_t from) = 0;
  /// Ends it. Blocks: until it has ended.
  [[nodiscard]] virtual Result<HeartbeatLog> stop_heartbeat() = 0;

  /// Starts a kernel that never ends by itself. A *persistent* one does only the rounds it was
  /// granted and waits on the GPU for more. One at a time.
  [[nodiscard]] virtual Result<void> start_endless(StreamId stream, const Kernel& kernel,
                                                   bool persistent) = 0;
  /// Lets each block of a persistent kernel do `rounds` more times its iterations.
  virtual void grant(std::uint64_t rounds) = 0;
  [[nodiscard]] virtual EndlessProgress endless_progress() = 0;
  /// Tells the kernel to end; it does when it is on the GPU.
  virtual void stop_endless() = 0;
  /// nullopt: it has not ended. Errors: kHardwareFailure.
  [[nodiscard]] virtual Result<std::optional<Finish>> endless_result() = 0;

  /// Row `row` of the last product of `rows` rows. Errors: kInvalidArgument, kHardwareFailure.
  [[nodiscard]] virtual Result<std::vector<float>> gemm_row(std::uint32_t rows,
                                                            std::uint32_t row) = 0;
};

/// Opens GPU `index` of those that the runtime shows. Errors: kNoSuchDevice (none is there, and
/// what to do), kHardwareFailure.
[[nodiscard]] Result<std::unique_ptr<Gpu>> open_gpu(std::uint32_t index);

}  // namespace gpreempt::hip
