#include "backends/vkfd/ring_memory.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "backends/kfd/os.h"
#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/vkfd/queue_places.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::vkfd {
namespace {

constexpr std::uint64_t kWord = 8;
constexpr std::uint64_t kPacketBytes = 64;
constexpr std::uint64_t kSignalInPacket = 56;
constexpr std::uint64_t kValueInSignal = 8;

/// The word at `address`, if it belongs to this queue.
std::optional<std::uint64_t> word_of(sim::System& system, const sim::KfdModel::ListedQueue& queue,
                                     std::uint64_t address) {
  const std::uint64_t ring = sim::KfdModel::ring_base_of(queue.serial);
  const sim::Gpu& gpu = system.gpu(queue.gpu);
  const bool has_work = gpu.waves().has_work(queue.hardware);
  const std::uint64_t done = gpu.waves().progress(queue.hardware).kernels;
  if (address == read_pointer_of(ring)) {
    return gpu.read_index(queue.hardware);
  }
  if (address == write_pointer_of(ring)) {
    return done + (has_work ? 1 : 0);
  }
  if (address == signal_of(ring) + kValueInSignal) {
    return has_work ? 1 : 0;
  }
  if (address >= ring && address < ring + queue.ring_bytes) {
    return (address - ring) % kPacketBytes == kSignalInPacket ? signal_of(ring) : 0;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> word_at(sim::System& system, Pid pid, std::uint64_t address) {
  for (const sim::KfdModel::ListedQueue& queue : system.kfd().queues_of(pid)) {
    if (queue.type != QueueType::kCompute) {
      continue;
    }
    if (const auto word = word_of(system, queue, address)) {
      return word;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<kfd::SysResult<std::size_t>> read_ring_memory(
    sim::System& system, Pid pid, std::span<const kfd::MemoryRange> ranges) {
  std::size_t total = 0;
  for (const kfd::MemoryRange& range : ranges) {
    for (std::size_t at = 0; at + kWord <= range.into.size(); at += kWord) {
      const auto word = word_at(system, pid, range.address + at);
      if (!word) {
        return total == 0 ? std::nullopt : std::optional<kfd::SysResult<std::size_t>>(total);
      }
      std::memcpy(range.into.subspan(at).data(), &*word, kWord);
      total += kWord;
    }
  }
  return total;
}

}  // namespace gpreempt::vkfd
