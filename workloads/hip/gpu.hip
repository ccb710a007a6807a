// The GPU behind workloads/hip/gpu.h, on HIP or CUDA: the same source for both (gpu_runtime.h).
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gemm.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/gpu_runtime.h"
#include "workloads/hip/heartbeat_log.h"
#include "workloads/hip/host.h"
#include "workloads/hip/side_kernels.h"
#include "workloads/hip/witness.h"
#include "workloads/hip/witness_math.h"
#include "workloads/hip/work_kernel.h"

namespace gpreempt::hip {
namespace {

using Status = GPREEMPT_GPU(Error_t);
constexpr Status kSuccess = GPREEMPT_GPU(Success);

/// Submissions of a stream that may be unfinished.
constexpr std::uint32_t kMostPending = 512;
constexpr std::uint64_t kTrafficWords = std::uint64_t{1} << 24U;  // of 16 bytes: 256 MiB

tl::unexpected<Error> refused(const char* operation, Status status) {
  (void)GPREEMPT_GPU(GetLastError)();
  const bool nobody = status == GPREEMPT_GPU(ErrorNoDevice);
  return fail(nobody ? Errc::kNoSuchDevice : Errc::kHardwareFailure,
              std::string(operation) + ": " + kRuntime + " says " +
                  GPREEMPT_GPU(GetErrorName)(status) + " (" + GPREEMPT_GPU(GetErrorString)(status) +
                  "); see the kernel's log, and `gpreempt doctor`");
}

Result<void> checked(const char* operation, Status status) {
  if (status != kSuccess) {
    return refused(operation, status);
  }
  return {};
}

std::string runtime_name() {
  int version = 0;
  if (GPREEMPT_GPU(RuntimeGetVersion)(&version) != kSuccess) {
    (void)GPREEMPT_GPU(GetLastError)();
  }
  return std::string(kRuntime) + " " + std::to_string(version);
}

/// Memory of the GPU, or of the host and seen by both.
template <class T>
class Memory {
 public:
  /// Cleared on `queue`, before what follows there: the runtime's default queue, which would be one
  /// more of this process, is not used for anything.
  static Result<Memory> on_gpu(std::size_t count, GPREEMPT_GPU(Stream_t) queue) {
    Memory memory;
    GPREEMPT_TRY(
        checked("allocate GPU memory", GPREEMPT_GPU(Malloc)(&memory.raw_, count * sizeof(T))));
    GPREEMPT_TRY(checked("clear GPU memory",
                         GPREEMPT_GPU(MemsetAsync)(memory.raw_, 0, count * sizeof(T), queue)));
    return memory;
  }
  static Result<Memory> on_host(std::size_t count) {
    Memory memory;
    GPREEMPT_TRY(checked("allocate pinned memory", host_alloc(&memory.raw_, count * sizeof(T))));
    std::memset(memory.raw_, 0, count * sizeof(T));
    return memory;
  }
  Memory() = default;
  // Never freed before the process ends: kernels may still write to it, and to wait for them could
  // take for ever.
  [[nodiscard]] T* get() const { return static_cast<T*>(raw_); }
  [[nodiscard]] T& operator[](std::size_t i) const { return get()[i]; }
  [[nodiscard]] bool empty() const { return raw_ == nullptr; }

 private:
  void* raw_ = nullptr;
};

/// Moves what `result` holds to `out`.
template <class T>
Result<void> keep(T& out, Result<T> result) {
  if (!result) {
    return tl::unexpected<Error>(std::move(result).error());
  }
  out = std::move(*result);
  return {};
}

using WorkKernel = void (*)(WorkArgs);

/// One way in which the work kernel was compiled.
struct Variant {
  std::uint32_t most_threads;
  std::uint32_t registers;  ///< per lane that it stands for
  std::uint32_t vectors;
  std::uint32_t accumulations;
  WorkKernel kernel;
};

template <std::uint32_t kMostThreads, std::uint32_t kVectors, std::uint32_t kAccumulations>
constexpr Variant variant(std::uint32_t registers) {
  constexpr std::uint32_t kPresent = kHasAccumulation ? kAccumulations : 0U;
  return {kMostThreads, registers, kVectors, kPresent,
          work_kernel<kMostThreads, kVectors, kPresent>};
}

/// In order of registers, those of large workgroups last.
const std::array<Variant, 7>& variants() {
  static const std::array<Variant, 7> all = {
      variant<256, 4, 4>(32),     variant<256, 24, 8>(64),     variant<256, 72, 16>(128),
      variant<256, 168, 32>(256), variant<256, 168, 120>(512), variant<1024, 4, 4>(32),
      variant<1024, 24, 8>(64),
  };
  return all;
}

const Variant* variant_for(std::uint32_t threads, std::uint32_t registers) {
  const Variant* best = nullptr;
  for (const Variant& one : variants()) {
    const bool fits = threads <= one.most_threads;
    if (fits && (best == nullptr || best->registers < registers)) {
      best = &one;
    }
    if (fits && one.registers >= registers) {
      return best;
    }
  }
  return best;
}

struct Stream {
  GPREEMPT_GPU(Stream_t) queue {};
  Memory<StreamState> state;
  Memory<StreamState> copies;  ///< one for each of the last submissions
  Memory<LossRecord> losses;
  Memory<BlockReport> reports;
  Memory<BlockReport> reports_copy;
  std::uint32_t report_room = 0;
  bool auditing = false;
  std::uint64_t submissions = 0;
  std::uint32_t pending = 0;
  std::uint32_t kernels = 0;
  std::uint64_t atomics = 0;  ///< that its kernels are to add
  std::uint32_t losses_taken = 0;
  WitnessFault fault;
};

struct Pending {
  StreamId stream = 0;
  std::uint32_t copy = 0;
  GPREEMPT_GPU(Event_t) done {};
  std::optional<Audit> audit;
};

/// The matrices of the last size.
struct Matrices {
  std::uint32_t rows = 0;
  Memory<float> left;
  Memory<float> right;
  Memory<float> product;
};

struct Endless {
  bool running = false;
  StreamId stream = 0;
  Memory<EndlessBox> box;
  Memory<std::uint64_t> progress;
  std::uint32_t blocks = 0;
  Ticket ticket = 0;
};

class RuntimeGpu final : public Gpu {
 public:
  Result<void> open(std::uint32_t index) {
    GPREEMPT_TRY(checked("choose the GPU", GPREEMPT_GPU(SetDevice)(static_cast<int>(index))));
    DeviceProperties properties{};
    GPREEMPT_TRY(checked("ask for the GPU's properties",
                         GPREEMPT_GPU(GetDeviceProperties)(&properties, static_cast<int>(index))));
    std::array<char, 32> bus{};
    (void)std::snprintf(bus.data(), bus.size(), "%04x:%02x:%02x.0", properties.pciDomainID,
                        properties.pciBusID, properties.pciDeviceID);
    facts_ = {.name = properties.name,
              .architecture = architecture_of(properties),
              .runtime = runtime_name(),
              .bus = bus.data(),
              .cus = static_cast<std::uint32_t>(properties.multiProcessorCount),
              .wave = static_cast<std::uint32_t>(properties.warpSize),
              .lds_bytes = lds_bytes_of(properties)};
    GPREEMPT_TRY(keep(clock_box_, Memory<ClockBox>::on_host(1)));
    GPREEMPT_TRY(keep(heartbeat_box_, Memory<HeartbeatBox>::on_host(1)));
    GPREEMPT_TRY(keep(endless_.box, Memory<EndlessBox>::on_host(1)));
    return keep(gaps_, Memory<HeartbeatGap>::on_host(kMostGaps));
  }

  ~RuntimeGpu() override {
    if (!heartbeat_box_.empty()) {
      __atomic_store_n(&heartbeat_box_[0].stop, 1U, __ATOMIC_RELEASE);
    }
    stop_endless();
  }

  [[nodiscard]] const GpuFacts& facts() const override { return facts_; }

  [[nodiscard]] Result<KernelFacts> kernel_facts(const KernelShape& shape) override {
    const std::uint32_t threads = shape.waves * 64U;
    const Variant* const one = threads == 0 ? nullptr : variant_for(threads, shape.vgprs);
    if (one == nullptr) {
      return fail(Errc::kInvalidArgument, "choose a kernel: no workgroup has " +
                                              std::to_string(shape.waves) +
                                              " waves of 64 lanes; use 1 to 16");
    }
    if (shape.lds_bytes > facts_.lds_bytes) {
      return fail(Errc::kInvalidArgument,
                  "choose a kernel: a workgroup of this GPU has " +
                      std::to_string(facts_.lds_bytes) + " bytes of LDS, not " +
                      std::to_string(shape.lds_bytes) + "; lower the kernel's `lds`");
    }
    GPREEMPT_GPU(FuncAttributes) attributes{};
    GPREEMPT_TRY(checked(
        "ask for a kernel's registers",
        GPREEMPT_GPU(FuncGetAttributes)(&attributes, reinterpret_cast<const void*>(one->kernel))));
    // The kernel's own few bytes come out of it.
    const std::uint64_t lds =
        std::min(shape.lds_bytes,
                 facts_.lds_bytes -
                     std::min<std::uint64_t>(facts_.lds_bytes, attributes.sharedSizeBytes + 64U));
    GPREEMPT_TRY(checked("give a kernel its LDS",
                         allow_lds(reinterpret_cast<const void*>(one->kernel), lds)));
    return KernelFacts{.witness = {.blocks = shape.workgroups,
                                   .threads = threads,
                                   .wave = facts_.wave,
                                   .vectors = one->vectors,
                                   .accumulations = one->accumulations,
                                   .lds_words = static_cast<std::uint32_t>(
                                       lds / (threads * sizeof(std::uint32_t)))},
                       .registers = static_cast<std::uint32_t>(attributes.numRegs),
                       .lds_bytes = lds};
  }

  [[nodiscard]] Result<StreamId> add_stream(std::uint32_t hardware_priority) override {
    int least = 0;
    int greatest = 0;
    GPREEMPT_TRY(checked("ask for the priorities of queues",
                         GPREEMPT_GPU(DeviceGetStreamPriorityRange)(&least, &greatest)));
    int priority = 0;
    if (hardware_priority != kNormalPriority) {
      priority = hardware_priority > kNormalPriority ? greatest : least;
    }
    Stream stream;
    GPREEMPT_TRY(
        checked("make a queue", GPREEMPT_GPU(StreamCreateWithPriority)(
                                    &stream.queue, GPREEMPT_GPU(StreamNonBlocking), priority)));
    GPREEMPT_TRY(keep(stream.state, Memory<StreamState>::on_gpu(1, stream.queue)));
    GPREEMPT_TRY(keep(stream.copies, Memory<StreamState>::on_host(kMostPending)));
    GPREEMPT_TRY(keep(stream.losses, Memory<LossRecord>::on_gpu(kMostLosses, stream.queue)));
    streams_.push_back(stream);
    return static_cast<StreamId>(streams_.size() - 1);
  }

  [[nodiscard]] Result<Ticket> submit(StreamId id, std::span<const KernelBatch> train,
                                      bool audit) override {
    Stream& stream = streams_.at(id);
    if (stream.pending == kMostPending) {
      return fail(Errc::kBusy, "submit kernels: " + std::to_string(kMostPending) +
                                   " submissions are unfinished; poll for one");
    }
    Pending pending{.stream = id};
    for (std::size_t i = 0; i < train.size(); ++i) {
      for (std::uint32_t n = 0; n < train[i].count; ++n) {
        const bool first = i == 0 && n == 0;
        const bool last = i + 1 == train.size() && n + 1 == train[i].count;
        GPREEMPT_TRY(launch(stream, train[i].kernel, {first, last},
                            last && audit ? &pending.audit : nullptr));
      }
    }
    return remember(std::move(pending));
  }

  [[nodiscard]] Result<std::optional<Finish>> poll(Ticket ticket) override {
    const auto found = pending_.find(ticket);
    GPREEMPT_CHECK(found != pending_.end());
    const Status status = GPREEMPT_GPU(EventQuery)(found->second.done);
    if (status == GPREEMPT_GPU(ErrorNotReady)) {
      (void)GPREEMPT_GPU(GetLastError)();
      return std::nullopt;
    }
    GPREEMPT_TRY(checked("run kernels", status));
    Pending pending = std::move(found->second);
    pending_.erase(found);
    free_events_.push_back(pending.done);
    Stream& stream = streams_.at(pending.stream);
    --stream.pending;
    const StreamState& state = stream.copies[pending.copy];
    if (pending.audit) {
      stream.auditing = false;
      pending.audit->atomics = state.atomics;
      pending.audit->blocks.assign(stream.reports_copy.get(),
                                   stream.reports_copy.get() + pending.audit->shape.blocks);
    }
    return Finish{.first_ticks = state.first,
                  .last_ticks = state.last,
                  .losses = state.losses,
                  .audit = std::move(pending.audit)};
  }

  [[nodiscard]] Result<std::vector<LossRecord>> take_losses(StreamId id) override {
    Stream& stream = streams_.at(id);
    StreamState state;
    GPREEMPT_TRY(copy_now(&state, stream.state.get(), sizeof state));
    const std::uint32_t kept = std::min(state.losses, kMostLosses);
    std::vector<LossRecord> records(kept - std::min(kept, stream.losses_taken));
    if (!records.empty()) {
      GPREEMPT_TRY(copy_now(records.data(), stream.losses.get() + stream.losses_taken,
                            records.size() * sizeof(LossRecord)));
    }
    stream.losses_taken = kept;
    return records;
  }

  void inject(StreamId id, const WitnessFault& fault) override { streams_.at(id).fault = fault; }

  [[nodiscard]] Result<std::vector<ClockSample>> read_clock(Host& host,
                                                            std::uint32_t readings) override {
    constexpr std::uint32_t kPatience = 1U << 22U;  // reads over the bus: seconds
    GPREEMPT_TRY(make_queue(side_));
    ClockBox& box = clock_box_[0];
    box = {};
    clock_kernel<<<1, 1, 0, side_>>>(&box, readings + 1, kPatience);
    GPREEMPT_TRY(checked("start the clock kernel", GPREEMPT_GPU(GetLastError)()));
    std::vector<ClockSample> samples;
    for (std::uint32_t number = 1; number <= readings + 1; ++number) {
      const Instant before = host.now();
      __atomic_store_n(&box.asked, number, __ATOMIC_RELEASE);
      Instant after = before;
      while (__atomic_load_n(&box.answered, __ATOMIC_ACQUIRE) < number) {
        after = host.now();
        if (after - before > std::chrono::seconds(1)) {
          __atomic_store_n(&box.asked, readings + 1, __ATOMIC_RELEASE);
          return fail(
              Errc::kTimedOut,
              "read the GPU's clock: it has not answered for a second; this process' queues "
              "are off the GPU, or another process has it; resume them or end that one");
        }
      }
      after = host.now();
      if (number > 1) {  // the first one waited for the kernel to begin
        samples.push_back({.before = before, .ticks = box.ticks, .after = after});
      }
    }
    GPREEMPT_TRY(checked("end the clock kernel", GPREEMPT_GPU(StreamSynchronize)(side_)));
    return samples;
  }

  [[nodiscard]] Result<void> start_heartbeat(std::uint64_t threshold_ticks) override {
    GPREEMPT_TRY(make_queue(beating_));
    heartbeat_box_[0] = {};
    heartbeat_kernel<<<1, 1, 0, beating_>>>(heartbeat_box_.get(), gaps_.get(), threshold_ticks);
    return checked("start the heartbeat", GPREEMPT_GPU(GetLastError)());
  }

  [[nodiscard]] HeartbeatLog heartbeat_so_far(std::size_t from) override {
    const HeartbeatBox& box = heartbeat_box_[0];
    const std::uint64_t seen = __atomic_load_n(&box.gaps, __ATOMIC_ACQUIRE);
    const std::uint64_t kept = std::min<std::uint64_t>(seen, kMostGaps);
    return HeartbeatLog{
        .first_ticks = __atomic_load_n(&box.first, __ATOMIC_RELAXED),
        .last_ticks = __atomic_load_n(&box.last, __ATOMIC_RELAXED),
        .beats = __atomic_load_n(&box.beats, __ATOMIC_RELAXED),
        .gaps_seen = seen,
        .gaps = {gaps_.get() + std::min<std::uint64_t>(from, kept), gaps_.get() + kept}};
  }

  [[nodiscard]] Result<HeartbeatLog> stop_heartbeat() override {
    __atomic_store_n(&heartbeat_box_[0].stop, 1U, __ATOMIC_RELEASE);
    GPREEMPT_TRY(checked("end the heartbeat", GPREEMPT_GPU(StreamSynchronize)(beating_)));
    return heartbeat_so_far(0);
  }

  [[nodiscard]] Result<void> start_endless(StreamId id, const Kernel& kernel,
                                           bool persistent) override {
    GPREEMPT_CHECK(!endless_.running);
    endless_.stream = id;
    endless_.blocks = kernel.shape.workgroups;
    endless_.box[0] = {};
    GPREEMPT_TRY(keep(endless_.progress, Memory<std::uint64_t>::on_host(endless_.blocks)));
    endless_.running = true;
    endless_persistent_ = persistent;
    Pending pending{.stream = id};
    const Result<void> started = launch(streams_.at(id), kernel, {true, true}, &pending.audit);
    endless_.running = started.has_value();
    GPREEMPT_TRY(started);
    GPREEMPT_TRY(keep(endless_.ticket, remember(std::move(pending))));
    return {};
  }

  void grant(std::uint64_t rounds) override {
    EndlessBox& box = endless_.box[0];
    __atomic_store_n(&box.granted, box.granted + rounds, __ATOMIC_RELEASE);
  }

  [[nodiscard]] EndlessProgress endless_progress() override {
    EndlessProgress progress;
    for (std::uint32_t block = 0; block < endless_.blocks; ++block) {
      progress.iterations += __atomic_load_n(&endless_.progress[block], __ATOMIC_RELAXED);
    }
    return progress;
  }

  void stop_endless() override {
    if (!endless_.box.empty()) {
      __atomic_store_n(&endless_.box[0].stop, 1U, __ATOMIC_RELEASE);
    }
  }

  [[nodiscard]] Result<std::optional<Finish>> endless_result() override {
    Result<std::optional<Finish>> finish = poll(endless_.ticket);
    endless_.running = !finish || !*finish;
    return finish;
  }

  [[nodiscard]] Result<std::vector<float>> gemm_row(std::uint32_t rows,
                                                    std::uint32_t row) override {
    if (rows != matrices_.rows || row >= rows) {
      return fail(Errc::kInvalidArgument, "read a row of a product: there is no such row; run it");
    }
    std::vector<float> values(rows);
    GPREEMPT_TRY(copy_now(values.data(),
                          matrices_.product.get() + static_cast<std::size_t>(row) * rows,
                          rows * sizeof(float)));
    return values;
  }

 private:
  struct Ends {
    bool first = false;
    bool last = false;
  };

  /// One of this object's own, unless it is there: a process has no queue that it does not need.
  static Result<void> make_queue(GPREEMPT_GPU(Stream_t) & queue) {
    if (queue != nullptr) {
      return {};
    }
    return checked("make a queue",
                   GPREEMPT_GPU(StreamCreateWithFlags)(&queue, GPREEMPT_GPU(StreamNonBlocking)));
  }

  /// Copies on a queue of its own, so that no kernel is waited for.
  Result<void> copy_now(void* to, const void* from, std::size_t bytes) {
    GPREEMPT_TRY(make_queue(side_));
    GPREEMPT_TRY(checked(
        "copy from the GPU",
        GPREEMPT_GPU(MemcpyAsync)(to, from, bytes, GPREEMPT_GPU(MemcpyDeviceToHost), side_)));
    return checked("copy from the GPU", GPREEMPT_GPU(StreamSynchronize)(side_));
  }

  Result<Ticket> remember(Pending pending) {
    Stream& stream = streams_.at(pending.stream);
    pending.copy = static_cast<std::uint32_t>(stream.submissions++ % kMostPending);
    GPREEMPT_TRY(checked("copy a submission's stamps",
                         GPREEMPT_GPU(MemcpyAsync)(
                             stream.copies.get() + pending.copy, stream.state.get(),
                             sizeof(StreamState), GPREEMPT_GPU(MemcpyDeviceToHost), stream.queue)));
    if (pending.audit) {
      GPREEMPT_TRY(
          checked("copy a kernel's sums",
                  GPREEMPT_GPU(MemcpyAsync)(stream.reports_copy.get(), stream.reports.get(),
                                            pending.audit->shape.blocks * sizeof(BlockReport),
                                            GPREEMPT_GPU(MemcpyDeviceToHost), stream.queue)));
    }
    if (free_events_.empty()) {
      GPREEMPT_TRY(checked("make an event", GPREEMPT_GPU(EventCreateWithFlags)(
                                                &pending.done, GPREEMPT_GPU(EventDisableTiming))));
    } else {
      pending.done = free_events_.back();
      free_events_.pop_back();
    }
    GPREEMPT_TRY(checked("record an event", GPREEMPT_GPU(EventRecord)(pending.done, stream.queue)));
    ++stream.pending;
    pending_.emplace(++tickets_, std::move(pending));
    return tickets_;
  }

  Result<void> launch(Stream& stream, const Kernel& kernel, Ends ends,
                      std::optional<Audit>* audit) {
    if (kernel.gemm > 0) {
      return launch_gemm(stream, kernel.gemm, ends);
    }
    KernelFacts facts;
    GPREEMPT_TRY(keep(facts, known_facts(kernel.shape)));
    WorkArgs args;
    args.iterations = kernel.iterations;
    args.touches = kernel.touches;
    args.kernel = stream.kernels++;
    args.seed = args.kernel * 0x27d4eb2fU + 1U;
    args.lds_words = facts.witness.lds_words;
    args.state = stream.state.get();
    args.stamps_first = ends.first;
    args.stamps_last = ends.last;
    args.losses = stream.losses.get();
    if (kernel.touches > 0) {
      GPREEMPT_TRY(give_traffic(args, stream.queue));
    }
    if (stream.fault.enabled != 0 && stream.fault.kernel == args.kernel) {
      args.fault = stream.fault;
    }
    if (endless_.running) {
      args.endless = endless_.box.get();
      args.persistent = endless_persistent_;
      args.progress = endless_.progress.get();
    }
    if (audit != nullptr && !stream.auditing) {
      GPREEMPT_TRY(begin_audit(stream, facts.witness, args, *audit));
    }
    if (!endless_.running) {
      stream.atomics += facts.witness.blocks * (kernel.iterations / kIterationsPerAtomic);
    }
    const Variant* const one = variant_for(facts.witness.threads, kernel.shape.vgprs);
    one->kernel<<<facts.witness.blocks, facts.witness.threads, facts.lds_bytes, stream.queue>>>(
        args);
    return checked("launch a kernel", GPREEMPT_GPU(GetLastError)());
  }

  /// `kernel_facts`, asked once for each shape.
  Result<KernelFacts> known_facts(const KernelShape& shape) {
    for (const auto& [known, facts] : known_) {
      if (known == shape) {
        return facts;
      }
    }
    KernelFacts facts;
    GPREEMPT_TRY(keep(facts, kernel_facts(shape)));
    known_.emplace_back(shape, facts);
    return facts;
  }

  Result<void> give_traffic(WorkArgs& args, GPREEMPT_GPU(Stream_t) queue) {
    if (traffic_.empty()) {
      GPREEMPT_TRY(keep(traffic_, Memory<uint4>::on_gpu(kTrafficWords, queue)));
    }
    args.traffic = traffic_.get();
    args.traffic_words = kTrafficWords;
    return {};
  }

  Result<void> begin_audit(Stream& stream, const WitnessShape& shape, WorkArgs& args,
                           std::optional<Audit>& audit) {
    if (stream.report_room < shape.blocks) {
      GPREEMPT_TRY(keep(stream.reports, Memory<BlockReport>::on_gpu(shape.blocks, stream.queue)));
      GPREEMPT_TRY(keep(stream.reports_copy, Memory<BlockReport>::on_host(shape.blocks)));
      stream.report_room = shape.blocks;
    }
    GPREEMPT_TRY(
        checked("clear a kernel's sums",
                GPREEMPT_GPU(MemsetAsync)(stream.reports.get(), 0,
                                          shape.blocks * sizeof(BlockReport), stream.queue)));
    stream.auditing = true;
    args.reports = stream.reports.get();
    audit = Audit{.kernel = args.kernel,
                  .seed = args.seed,
                  .shape = shape,
                  .iterations = args.endless == nullptr ? args.iterations : 0,
                  .endless = args.endless != nullptr,
                  .atomics_before = stream.atomics};
    return {};
  }

  Result<void> make_matrices(std::uint32_t rows) {
    if (rows % kGemmTile != 0) {
      return fail(Errc::kInvalidArgument, "multiply matrices: " + std::to_string(rows) +
                                              " rows are no multiple of 16; use one");
    }
    const std::size_t elements = static_cast<std::size_t>(rows) * rows;
    GPREEMPT_TRY(make_queue(side_));
    GPREEMPT_TRY(keep(matrices_.left, Memory<float>::on_gpu(elements, side_)));
    GPREEMPT_TRY(keep(matrices_.right, Memory<float>::on_gpu(elements, side_)));
    GPREEMPT_TRY(keep(matrices_.product, Memory<float>::on_gpu(elements, side_)));
    matrices_.rows = rows;
    constexpr std::uint32_t kThreads = 256;
    fill_kernel<<<dim3((rows + kThreads - 1) / kThreads, rows), kThreads, 0, side_>>>(
        matrices_.left.get(), matrices_.right.get(), rows);
    GPREEMPT_TRY(checked("fill matrices", GPREEMPT_GPU(GetLastError)()));
    return checked("fill matrices", GPREEMPT_GPU(StreamSynchronize)(side_));
  }

  Result<void> launch_gemm(Stream& stream, std::uint32_t rows, Ends ends) {
    if (matrices_.rows != rows) {
      GPREEMPT_TRY(make_matrices(rows));
    }
    GemmArgs args;
    args.left = matrices_.left.get();
    args.right = matrices_.right.get();
    args.product = matrices_.product.get();
    args.rows = rows;
    args.state = stream.state.get();
    args.stamps_first = ends.first;
    args.stamps_last = ends.last;
    const std::uint32_t tiles = rows / kGemmTile;
    gemm_kernel<<<dim3(tiles, tiles), dim3(kGemmTile, kGemmTile), 0, stream.queue>>>(args);
    return checked("launch a matrix product", GPREEMPT_GPU(GetLastError)());
  }

  GpuFacts facts_;
  GPREEMPT_GPU(Stream_t) side_ {};
  GPREEMPT_GPU(Stream_t) beating_ {};
  std::vector<Stream> streams_;
  std::map<Ticket, Pending> pending_;
  Ticket tickets_ = 0;
  std::vector<GPREEMPT_GPU(Event_t)> free_events_;
  std::vector<std::pair<KernelShape, KernelFacts>> known_;
  Memory<ClockBox> clock_box_;
  Memory<HeartbeatBox> heartbeat_box_;
  Memory<HeartbeatGap> gaps_;
  Memory<uint4> traffic_;
  Matrices matrices_;
  Endless endless_;
  bool endless_persistent_ = false;
};

}  // namespace

Result<std::unique_ptr<Gpu>> open_gpu(std::uint32_t index) {
  int count = 0;
  const Status status = GPREEMPT_GPU(GetDeviceCount)(&count);
  if (status != kSuccess || count == 0) {
    (void)GPREEMPT_GPU(GetLastError)();
    return fail(
        Errc::kNoSuchDevice,
        std::string("open GPU ") + std::to_string(index) + ": " + kRuntime + " shows no GPU (" +
            GPREEMPT_GPU(GetErrorName)(status) +
            "); run this where /dev/kfd is, as a user who may open it (groups render and "
            "video; --device=/dev/kfd --device=/dev/dri for a container): `gpreempt doctor` "
            "names what is missing");
  }
  if (index >= static_cast<std::uint32_t>(count)) {
    return fail(Errc::kNoSuchDevice, std::string("open GPU ") + std::to_string(index) + ": " +
                                         kRuntime + " shows " + std::to_string(count) +
                                         "; choose a lower one with --gpu");
  }
  auto gpu = std::make_unique<RuntimeGpu>();
  GPREEMPT_TRY(gpu->open(index));
  return std::unique_ptr<Gpu>(std::move(gpu));
}

}  // namespace gpreempt::hip
