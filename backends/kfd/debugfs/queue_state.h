#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/kfd/debugfs/fields.h"

namespace gpreempt::kfd::debugfs {

/// A compute queue as its 56 words say it, in memory (MQD) or in a hardware slot (HQD): they are
/// the same. While a queue is mapped the firmware works in the slot, and the MQD keeps what was
/// there when the queue was unmapped last: `is_active`, `vmid` and the ring's positions in an MQD
/// are of that time, and say nothing about now. A queue that was never unmapped has vmid 0 there.
/// Source: v9_structs.h, init_mqd and update_mqd of kfd_mqd_manager_v9.c.
class QueueState {
 public:
  /// `words` must outlive it.
  explicit constexpr QueueState(std::span<const std::uint32_t, kHqdDwords> words) : words_(words) {}

  [[nodiscard]] constexpr std::uint64_t mqd_base() const { return pair(128); }
  [[nodiscard]] constexpr bool is_active() const { return (word(130) & 1U) != 0; }
  [[nodiscard]] constexpr std::uint32_t vmid() const { return word(131) & 0xfU; }
  [[nodiscard]] constexpr std::uint32_t persistent_state() const { return word(132); }
  [[nodiscard]] constexpr std::uint32_t pipe_priority() const { return word(133); }
  [[nodiscard]] constexpr std::uint32_t queue_priority() const { return word(134); }
  [[nodiscard]] constexpr std::uint32_t quantum() const { return word(135); }
  [[nodiscard]] constexpr std::uint64_t ring_base() const { return pair(136) << 8U; }
  /// 2^(n+1) words of 4 bytes; 0 for an n that no ring can have.
  [[nodiscard]] constexpr std::uint64_t ring_bytes() const {
    constexpr std::uint32_t kLargest = 60;
    const std::uint32_t n = word(145) & 0x3fU;
    return n > kLargest ? 0 : std::uint64_t{1} << (n + 3U);
  }
  [[nodiscard]] constexpr std::uint32_t read_position() const { return word(138); }
  [[nodiscard]] constexpr std::uint64_t write_position() const { return pair(182); }
  /// Where the owner of the queue reads and writes these positions, in its own memory.
  [[nodiscard]] constexpr std::uint64_t read_pointer_address() const { return pair(139); }
  [[nodiscard]] constexpr std::uint64_t write_pointer_address() const { return pair(141); }
  /// Of the doorbell BAR, in words.
  [[nodiscard]] constexpr std::uint32_t doorbell_dword() const {
    return (word(143) >> 2U) & 0x3ffffffU;
  }
  [[nodiscard]] constexpr bool doorbell_enabled() const { return (word(143) >> 30U & 1U) != 0; }
  [[nodiscard]] constexpr bool doorbell_hit() const { return (word(143) >> 31U) != 0; }
  [[nodiscard]] constexpr bool is_aql() const { return (word(181) & 1U) != 0; }
  [[nodiscard]] constexpr std::uint32_t dequeue_request() const { return word(152) & 0xfU; }

  // The save area, of one XCC.
  [[nodiscard]] constexpr std::uint64_t save_area() const { return pair(171); }
  [[nodiscard]] constexpr std::uint32_t save_area_bytes() const { return word(177); }
  /// It grows down from `control_stack_size`: equal when nothing is saved.
  [[nodiscard]] constexpr std::uint32_t control_stack_offset() const { return word(174); }
  [[nodiscard]] constexpr std::uint32_t control_stack_size() const { return word(175); }
  /// It grows up from `control_stack_size`: equal when nothing is saved.
  [[nodiscard]] constexpr std::uint32_t wave_state_offset() const { return word(176); }
  /// What the last unmap saved here, control stack and waves; 0 also where the three are no
  /// possible ones.
  [[nodiscard]] constexpr std::uint32_t saved_bytes() const {
    const bool possible = control_stack_offset() <= control_stack_size() &&
                          control_stack_size() <= wave_state_offset();
    return possible ? wave_state_offset() - control_stack_offset() : 0;
  }

 private:
  /// By the number that the word has in an MQD.
  [[nodiscard]] constexpr std::uint32_t word(std::size_t mqd_dword) const {
    return words_[mqd_dword - kHqdInMqd];
  }
  [[nodiscard]] constexpr std::uint64_t pair(std::size_t low) const {
    return join(word(low), word(low + 1));
  }

  std::span<const std::uint32_t, kHqdDwords> words_;
};

/// The 56 words of a whole MQD.
[[nodiscard]] constexpr QueueState state_of(std::span<const std::uint32_t, kMqdDwords> mqd) {
  return QueueState(mqd.subspan<kHqdInMqd, kHqdDwords>());
}

/// Which doorbell of its process this is: a process has a slice of 8 KiB of the BAR, a doorbell 8
/// bytes. A compute queue has the lowest free one of its process on its GPU: its id, as long as the
/// process makes nothing but compute queues on one GPU. An SDMA queue's follows from its engine.
/// Source: kfd_doorbell_process_slice, kfd_get_doorbell_dw_offset_in_bar of kfd_doorbell.c, SOC15;
/// allocate_doorbell of kfd_device_queue_manager.c.
[[nodiscard]] constexpr std::uint32_t doorbell_slot(std::uint32_t doorbell_dword) {
  constexpr std::uint32_t kWordsPerSlice = 2048;
  constexpr std::uint32_t kWordsPerDoorbell = 2;
  return doorbell_dword % kWordsPerSlice / kWordsPerDoorbell;
}

/// An SDMA queue's MQD.
/// Source: struct v9_sdma_mqd, v9_structs.h; update_mqd_sdma of kfd_mqd_manager_v9.c.
class SdmaQueueState {
 public:
  /// `words` must outlive it.
  explicit constexpr SdmaQueueState(std::span<const std::uint32_t, kSdmaMqdDwords> words)
      : words_(words) {}

  [[nodiscard]] constexpr std::uint64_t ring_base() const {
    return join(words_[1], words_[2]) << 8U;
  }
  [[nodiscard]] constexpr std::uint64_t ring_bytes() const {
    return std::uint64_t{4} << (words_[0] >> 1U & 0x1fU);
  }
  [[nodiscard]] constexpr std::uint64_t read_position() const { return join(words_[3], words_[4]); }
  [[nodiscard]] constexpr std::uint64_t write_position() const {
    return join(words_[5], words_[6]);
  }
  [[nodiscard]] constexpr std::uint64_t read_pointer_address() const {
    return join(words_[9], words_[8]);
  }
  [[nodiscard]] constexpr std::uint32_t doorbell_dword() const {
    return (words_[22] >> 2U) & 0x3ffffffU;
  }
  [[nodiscard]] constexpr std::uint32_t engine() const { return words_[126]; }
  [[nodiscard]] constexpr std::uint32_t rlc() const { return words_[127]; }

 private:
  std::span<const std::uint32_t, kSdmaMqdDwords> words_;
};

}  // namespace gpreempt::kfd::debugfs
