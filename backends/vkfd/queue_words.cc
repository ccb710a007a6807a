#include "backends/vkfd/queue_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "backends/kfd/debugfs/cwsr.h"
#include "backends/kfd/debugfs/fields.h"
#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/vkfd/queue_places.h"
#include "core/random.h"
#include "core/time.h"

namespace gpreempt::vkfd {

using kfd::debugfs::high_half;
using kfd::debugfs::kReferenceHertz;
using kfd::debugfs::low_half;
namespace debugfs = kfd::debugfs;

void put_pair(Words& words, std::size_t low, std::uint64_t value) {
  words[low] = low_half(value);
  words[low + 1] = high_half(value);
}

namespace {

std::uint32_t log2_of(std::uint64_t value) {
  return value == 0 ? 0 : static_cast<std::uint32_t>(std::bit_width(value)) - 1U;
}

/// pipe_priority_map of kfd_mqd_manager.c.
std::uint32_t pipe_priority(std::uint32_t priority) {
  constexpr std::uint32_t kFirstMedium = 7;
  constexpr std::uint32_t kFirstHigh = 11;
  if (priority < kFirstMedium) {
    return 0;
  }
  return priority < kFirstHigh ? 1 : 2;
}

/// What of a queue's waves is in its save area on one XCC.
void put_save_area(Words& words, sim::System& system, const ListedQueue& queue, std::uint32_t xcc) {
  constexpr std::uint32_t kStackBytesPerWave = 8;
  const sim::GpuParameters& gpu = system.kfd().parameters(queue.gpu);
  sim::WaveDispatcher::SavedByXcc saved;
  system.gpu(queue.gpu).waves().add_saved(queue.hardware, saved);
  const auto stack = static_cast<std::uint32_t>(sim::cwsr_area(gpu).control_stack_bytes);
  put_pair(words, 171,
           save_area_of(sim::KfdModel::ring_base_of(queue.serial)) + xcc * gpu.cwsr_area_bytes);
  words[174] = stack - std::min(stack, saved.waves.at(xcc) * kStackBytesPerWave);
  words[175] = stack;
  words[176] = stack + static_cast<std::uint32_t>(saved.bytes.at(xcc));
  words[177] = static_cast<std::uint32_t>(gpu.cwsr_area_bytes);
}

/// Ticks of the GPU's reference clock, which began before the host's and may run fast or slow.
std::uint64_t ticks_of(const sim::GpuParameters& gpu, Instant instant) {
  constexpr double kNsPerTick = kNsPerSecond / static_cast<double>(kReferenceHertz);
  constexpr std::uint64_t kHead = 1'000'000'000;
  const double ns = static_cast<double>(to_ns(instant)) * (1 + gpu.perturbation.clock_drift);
  return kHead + static_cast<std::uint64_t>(ns / kNsPerTick);
}

/// When the firmware saved and restored the queue's waves last: all zero if it never did.
void put_save_times(Words& words, sim::System& system, const ListedQueue& queue) {
  const sim::SaveTimes& times = system.gpu(queue.gpu).save_times(queue.hardware);
  if (times.save_end == Instant{}) {
    return;
  }
  const sim::GpuParameters& gpu = system.kfd().parameters(queue.gpu);
  RandomStream random(gpu.perturbation.seed, fmt::format("stamps of queue {} at {}", queue.serial,
                                                         to_ns(times.save_start)));
  if (gpu.perturbation.missing_stamps > 0 && random.uniform() < gpu.perturbation.missing_stamps) {
    return;
  }
  put_pair(words, 98, ticks_of(gpu, times.save_start));
  put_pair(words, 100, ticks_of(gpu, times.save_end));
  if (times.restore_end != Instant{}) {
    put_pair(words, 102, ticks_of(gpu, times.restore_start));
    put_pair(words, 104, ticks_of(gpu, times.restore_end));
  }
}

}  // namespace

Words compute_mqd(sim::System& system, const ListedQueue& queue, std::uint32_t xcc) {
  Words words(debugfs::kMqdDwords, 0);
  const std::uint64_t ring = sim::KfdModel::ring_base_of(queue.serial);
  words[0] = 0xc0310800;
  for (const std::size_t cu_mask : {23U, 24U, 26U, 27U}) {
    words[cu_mask] = 0xffffffff;
  }
  words[39] = xcc;
  words[41] = 1;
  put_save_times(words, system, queue);
  put_pair(words, 128, mqd_of(queue.serial, xcc));
  words[132] = 0x40005301;
  words[133] = pipe_priority(queue.priority);
  words[134] = queue.priority;
  words[135] = 0x111;
  put_pair(words, 136, ring >> 8U);
  put_pair(words, 139, read_pointer_of(ring));
  put_pair(words, 141, write_pointer_of(ring));
  words[143] = doorbell_of(queue) << 2U | 2U;
  words[145] = std::max(log2_of(queue.ring_bytes / kWordBytes), 1U) - 1U;
  words[145] |= 0x14014500U | (xcc != 0 ? 1U << 27U : 0U);
  words[149] = 0x00b00000;
  words[160] = 1U << 14U;
  words[162] = 0x100;
  put_save_area(words, system, queue, xcc);
  words[181] = 1;
  words[226] = kMqdStride;
  return words;
}

Words sdma_mqd(const ListedQueue& queue, std::uint32_t place) {
  Words words(debugfs::kSdmaMqdDwords, 0);
  const std::uint64_t ring = sim::KfdModel::ring_base_of(queue.serial);
  words[0] = log2_of(queue.ring_bytes / kWordBytes) << 1U | 1U << 12U | 6U << 16U;
  put_pair(words, 1, ring >> 8U);
  words[8] = high_half(read_pointer_of(ring));
  words[9] = low_half(read_pointer_of(ring));
  words[22] = doorbell_of(queue) << 2U;
  words[27] = 0xf;
  words[126] = place % kSdmaEngines;
  words[127] = place / kSdmaEngines;
  return words;
}

}  // namespace gpreempt::vkfd
