#pragma once

#include <cstdint>

#include "backends/sim/kfd_model/kfd_model.h"
#include "core/event.h"
#include "core/ids.h"

/// Where a virtual machine's queues have what the model has not: addresses and doorbells. Invented,
/// but the same wherever they show, so that what is seen of a queue in two places can be joined.
namespace gpreempt::vkfd {

/// The owner's positions in the ring, in a page before it: where ROCr puts them in that page.
[[nodiscard]] constexpr std::uint64_t read_pointer_of(std::uint64_t ring_base) {
  return ring_base - 0x1000 + 0x80;
}
[[nodiscard]] constexpr std::uint64_t write_pointer_of(std::uint64_t ring_base) {
  return ring_base - 0x1000 + 0x38;
}

/// Where the completion signal of its packets lies, in the same page.
[[nodiscard]] constexpr std::uint64_t signal_of(std::uint64_t ring_base) {
  return ring_base - 0x1000 + 0x400;
}

/// The save area of all XCCs.
[[nodiscard]] constexpr std::uint64_t save_area_of(std::uint64_t ring_base) {
  constexpr std::uint64_t kFirst = 0x7f0000000000;
  constexpr std::uint64_t kBytesPerRingByte = 128;  // rings are 2 MiB apart
  return kFirst + ring_base * kBytesPerRingByte;
}

/// The descriptor of one XCC, in the GPU's memory.
inline constexpr std::uint32_t kMqdStride = 0x3000;
[[nodiscard]] constexpr std::uint64_t mqd_of(std::uint64_t serial, std::uint32_t xcc) {
  constexpr std::uint64_t kFirst = 0x8000000000;
  constexpr std::uint64_t kXccs = 16;
  return kFirst + (serial * kXccs + xcc) * kMqdStride;
}

/// In words of the doorbell BAR: a slice of 8 KiB for each process. In it a compute queue has the
/// one that the driver chose, and the SDMA queues have those behind all of these.
[[nodiscard]] constexpr std::uint32_t doorbell_of(const sim::KfdModel::ListedQueue& queue) {
  constexpr std::uint32_t kSlices = 0x4000;
  constexpr std::uint32_t kWordsPerSlice = 2048;
  constexpr std::uint32_t kWordsPerDoorbell = 2;
  constexpr std::uint32_t kFirstOfSdma = 256;
  constexpr std::uint32_t kOfSdma = kWordsPerSlice / kWordsPerDoorbell - kFirstOfSdma;
  const std::uint32_t slice = static_cast<std::uint32_t>(queue.process.value()) % kSlices;
  const std::uint32_t slot =
      queue.type == QueueType::kSdma ? kFirstOfSdma + queue.id % kOfSdma : queue.doorbell;
  return slice * kWordsPerSlice + slot * kWordsPerDoorbell;
}

/// Of 16 bits, as MAP_PROCESS has it.
[[nodiscard]] constexpr std::uint32_t pasid_of(Pid pid) {
  constexpr std::uint32_t kFirst = 0x8000;
  return kFirst | (static_cast<std::uint32_t>(pid.value()) & (kFirst - 1));
}

}  // namespace gpreempt::vkfd
