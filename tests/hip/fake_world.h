#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/heartbeat_log.h"
#include "workloads/hip/host.h"
#include "workloads/hip/witness.h"
#include "workloads/hip/witness_math.h"

/// A host and a GPU in virtual time: each stream runs its kernels one after the other, at a speed
/// that the test chose, whatever the other streams do.
namespace gpreempt::hip {

class FakeHost final : public Host {
 public:
  struct Hint {
    bool finished = false;
    std::uint64_t request = 0;
    Instant at;
  };

  [[nodiscard]] Instant now() override {
    // A program that asks for the time all the time gets on, too.
    time_ += Duration(100);
    return time_;
  }
  void wait_until(Instant at) override { time_ = at > time_ ? at : time_; }
  [[nodiscard]] bool stop_requested() override { return time_ >= stop_at; }
  void hint_arrived(std::uint64_t request, Instant at) override {
    hints.push_back({.finished = false, .request = request, .at = at});
  }
  void hint_finished(std::uint64_t request, Instant at, Instant /*first_wave*/) override {
    hints.push_back({.finished = true, .request = request, .at = at});
  }
  void hint_work(Duration work, std::uint64_t /*kernels*/) override { work_told = work; }

  void hint_bystander(Duration off) override { off_told.push_back(off); }

  Instant stop_at = kForever;
  std::vector<Duration> off_told;
  std::vector<Hint> hints;
  Duration work_told{};

 private:
  Instant time_ = instant_from_ns(1'000'000);
};

class FakeGpu final : public Gpu {
 public:
  /// A tick is 10 ns. `fixed` and `per_iteration`: of every kernel.
  FakeGpu(FakeHost& host, Duration fixed, Duration per_iteration)
      : host_(host), fixed_(fixed), per_iteration_(per_iteration) {}

  [[nodiscard]] const GpuFacts& facts() const override { return facts_; }
  [[nodiscard]] Result<KernelFacts> kernel_facts(const KernelShape& shape) override;
  [[nodiscard]] Result<StreamId> add_stream(std::uint32_t hardware_priority) override;
  [[nodiscard]] Result<Ticket> submit(StreamId stream, std::span<const KernelBatch> train,
                                      bool audit) override;
  [[nodiscard]] Result<std::optional<Finish>> poll(Ticket ticket) override;
  [[nodiscard]] Result<std::vector<LossRecord>> take_losses(StreamId stream) override;
  void inject(StreamId stream, const WitnessFault& fault) override;
  [[nodiscard]] Result<std::vector<ClockSample>> read_clock(Host& host,
                                                            std::uint32_t readings) override;
  [[nodiscard]] Result<void> start_heartbeat(std::uint64_t threshold_ticks) override;
  [[nodiscard]] HeartbeatLog heartbeat_so_far(std::size_t from) override;
  [[nodiscard]] Result<HeartbeatLog> stop_heartbeat() override;
  [[nodiscard]] Result<void> start_endless(StreamId stream, const Kernel& kernel,
                                           bool persistent) override;
  void grant(std::uint64_t rounds) override { granted_ += rounds; }
  [[nodiscard]] EndlessProgress endless_progress() override;
  void stop_endless() override { endless_stopped_ = true; }
  [[nodiscard]] Result<std::optional<Finish>> endless_result() override;
  [[nodiscard]] Result<std::vector<float>> gemm_row(std::uint32_t rows, std::uint32_t row) override;

  /// The most submissions that were ever unfinished at once.
  std::size_t most_pending = 0;
  std::vector<std::uint32_t> priorities;
  std::vector<StreamId> submitted_to;
  /// Of the first kernel of each submission.
  std::vector<std::uint64_t> iterations;
  /// When the heartbeat will find no beat; between these it has one every 2 us.
  std::vector<std::pair<Instant, Instant>> absences;

 private:
  struct Work {
    Instant begin;
    Instant end;
    std::optional<Audit> audit;
    std::uint32_t losses = 0;
  };
  struct Stream {
    Instant free;
    std::uint32_t kernels = 0;
    std::uint64_t atomics = 0;
    std::optional<WitnessFault> fault;
    std::vector<LossRecord> losses;
    std::uint32_t found = 0;
  };
  [[nodiscard]] static std::uint64_t ticks_of(Instant instant);
  [[nodiscard]] Audit audit_of(Stream& stream, const Kernel& kernel) const;

  FakeHost& host_;
  Duration fixed_;
  Duration per_iteration_;
  GpuFacts facts_{.name = "fake", .architecture = "none", .cus = 4, .wave = 64, .lds_bytes = 65536};
  std::vector<Stream> streams_;
  std::map<Ticket, Work> works_;
  Ticket tickets_ = 0;
  Instant beats_since_;
  std::optional<Kernel> endless_;
  Instant endless_since_;
  bool persistent_ = false;
  bool endless_stopped_ = false;
  std::uint64_t granted_ = 0;
};

}  // namespace gpreempt::hip
