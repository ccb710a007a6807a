#include "tests/hip/fake_world.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/witness.h"
#include "workloads/hip/witness_math.h"

namespace gpreempt::hip {

std::uint64_t FakeGpu::ticks_of(Instant instant) {
  return static_cast<std::uint64_t>(to_ns(instant) / 10);
}

Result<KernelFacts> FakeGpu::kernel_facts(const KernelShape& shape) {
  return KernelFacts{.witness = {.blocks = shape.workgroups,
                                 .threads = shape.waves * 64,
                                 .wave = 64,
                                 .vectors = 8,
                                 .accumulations = 2,
                                 .lds_words = 0},
                     .registers = 32};
}

Result<StreamId> FakeGpu::add_stream(std::uint32_t hardware_priority) {
  priorities.push_back(hardware_priority);
  streams_.emplace_back();
  return static_cast<StreamId>(streams_.size() - 1);
}

/// As a kernel that lost nothing leaves it.
Audit FakeGpu::audit_of(Stream& stream, const Kernel& kernel) const {
  Audit audit{.kernel = stream.kernels,
              .seed = stream.kernels + 1,
              .shape = {.blocks = kernel.shape.workgroups,
                        .threads = kernel.shape.waves * 64,
                        .wave = 64,
                        .vectors = 8},
              .iterations = kernel.iterations,
              .atomics = stream.atomics,
              .atomics_before = stream.atomics};
  for (std::uint32_t block = 0; block < audit.shape.blocks; ++block) {
    const auto sum = [&](StateKind kind) {
      return expected_block_sum(kind, audit.shape, audit.seed, block, kernel.iterations);
    };
    audit.blocks.push_back({.iterations = kernel.iterations,
                            .vectors = sum(StateKind::kVector),
                            .scalar = sum(StateKind::kScalar),
                            .exec = sum(StateKind::kExec),
                            .block = block});
    audit.atomics += kernel.iterations / kIterationsPerAtomic;
  }
  return audit;
}

Result<Ticket> FakeGpu::submit(StreamId id, std::span<const KernelBatch> train, bool audit) {
  Stream& stream = streams_.at(id);
  Work work{.begin = std::max(stream.free, host_.now())};
  Instant end = work.begin;
  for (const KernelBatch& batch : train) {
    const Duration each =
        fixed_ + static_cast<std::int64_t>(batch.kernel.iterations) * per_iteration_;
    end += batch.count * each;
    for (std::uint32_t i = 0; i < batch.count; ++i, ++stream.kernels) {
      if (stream.fault && stream.fault->kernel == stream.kernels) {
        const StateWord word{
            .kind = stream.fault->kind, .lane = stream.fault->thread, .index = stream.fault->index};
        const std::uint32_t expected = expected_of(word, 1, 1, batch.kernel.iterations);
        stream.losses.push_back({.kernel = stream.kernels,
                                 .kind = word.kind,
                                 .thread = stream.fault->thread,
                                 .threads = batch.kernel.shape.waves * 64,
                                 .lds_words = 1,
                                 .index = word.index,
                                 .expected = expected,
                                 .got = expected ^ stream.fault->flip,
                                 .seed = 1,
                                 .iterations = batch.kernel.iterations});
        ++stream.found;
      }
    }
  }
  work.end = end;
  stream.free = end;
  work.losses = stream.found;
  if (audit) {
    work.audit = audit_of(stream, train.back().kernel);
  }
  submitted_to.push_back(id);
  iterations.push_back(train.front().kernel.iterations);
  works_.emplace(++tickets_, std::move(work));
  most_pending = std::max(most_pending, works_.size());
  return tickets_;
}

Result<std::optional<Finish>> FakeGpu::poll(Ticket ticket) {
  const auto found = works_.find(ticket);
  if (found->second.end > host_.now()) {
    return std::nullopt;
  }
  auto done = works_.extract(found);
  Work& work = done.mapped();
  return Finish{.first_ticks = ticks_of(work.begin),
                .last_ticks = ticks_of(work.end),
                .losses = work.losses,
                .audit = std::move(work.audit)};
}

Result<std::vector<LossRecord>> FakeGpu::take_losses(StreamId stream) {
  return std::exchange(streams_.at(stream).losses, {});
}

void FakeGpu::inject(StreamId stream, const WitnessFault& fault) {
  streams_.at(stream).fault = fault;
}

Result<std::vector<ClockSample>> FakeGpu::read_clock(Host& host, std::uint32_t readings) {
  std::vector<ClockSample> samples;
  for (std::uint32_t i = 0; i < readings; ++i) {
    const Instant before = host.now();
    host.wait_until(before + std::chrono::microseconds(2));
    samples.push_back({.before = before,
                       .ticks = ticks_of(before + std::chrono::microseconds(1)),
                       .after = before + std::chrono::microseconds(2)});
  }
  return samples;
}

Result<void> FakeGpu::start_heartbeat(std::uint64_t /*threshold_ticks*/) {
  beats_since_ = host_.now();
  return {};
}

HeartbeatLog FakeGpu::heartbeat_so_far(std::size_t from) {
  const Instant now = host_.now();
  HeartbeatLog log{.first_ticks = ticks_of(beats_since_), .last_ticks = ticks_of(now)};
  Duration beating = now - beats_since_;
  for (const auto& [begin, end] : absences) {
    if (end > now) {
      break;
    }
    beating -= end - begin;
    if (log.gaps_seen++ >= from) {
      log.gaps.push_back({.from_ticks = ticks_of(begin), .to_ticks = ticks_of(end)});
    }
  }
  // An interval more than beats, and each gap is one, too.
  constexpr Duration kPeriod = std::chrono::microseconds(2);
  log.beats = static_cast<std::uint64_t>(beating / kPeriod) + log.gaps_seen + 1;
  return log;
}

Result<HeartbeatLog> FakeGpu::stop_heartbeat() { return heartbeat_so_far(0); }

Result<void> FakeGpu::start_endless(StreamId /*stream*/, const Kernel& kernel, bool persistent) {
  endless_ = kernel;
  endless_since_ = host_.now();
  persistent_ = persistent;
  return {};
}

EndlessProgress FakeGpu::endless_progress() {
  const auto one = static_cast<std::int64_t>(endless_->iterations) * per_iteration_;
  auto rounds = static_cast<std::uint64_t>((host_.now() - endless_since_) / one);
  if (persistent_) {
    rounds = std::min(rounds, granted_);
  }
  return {.iterations = rounds * endless_->iterations * endless_->shape.workgroups};
}

Result<std::optional<Finish>> FakeGpu::endless_result() {
  if (!endless_stopped_) {
    return std::nullopt;
  }
  return Finish{};
}

Result<std::vector<float>> FakeGpu::gemm_row(std::uint32_t rows, std::uint32_t /*row*/) {
  return std::vector<float>(rows);
}

}  // namespace gpreempt::hip
