#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/fields.h"
#include "core/error.h"

namespace gpreempt::kfd::debugfs {

/// The packets that a runlist is made of.
enum class PacketKind {
  kMapProcess,     ///< gfx9.4.2 and later: 21 words
  kOldMapProcess,  ///< other gfx9: 16 words
  kMapQueues,      ///< one queue
  kRunList,        ///< the runlist again: it is oversubscribed, and the firmware loops over it
};

/// What a packet of a kind looks like.
struct PacketShape {
  PacketKind kind;
  std::string_view name;
  std::uint32_t header = 0;
  std::size_t dwords = 0;
  std::span<const Field> fields;
};
/// Source: kfd_pm4_headers_ai.h, kfd_pm4_headers_aldebaran.h; pm_map_process_v9,
/// pm_map_process_aldebaran, pm_map_queues_v9 and pm_runlist_v9 of kfd_packet_manager_v9.c.
[[nodiscard]] std::span<const PacketShape> packet_shapes();
[[nodiscard]] const PacketShape& shape_of(PacketKind kind);

/// A packet as it lies in the runlist. The numbers that it holds are read by name, from the tables.
struct Packet {
  static constexpr std::size_t kMaxDwords = 21;

  PacketKind kind = PacketKind::kMapQueues;
  std::array<std::uint32_t, kMaxDwords> words{};

  /// With its header and nothing else.
  [[nodiscard]] static Packet of(PacketKind kind);

  [[nodiscard]] std::size_t dwords() const { return shape_of(kind).dwords; }
  [[nodiscard]] bool is_process() const {
    return kind == PacketKind::kMapProcess || kind == PacketKind::kOldMapProcess;
  }
  /// Shape: the kind of packet has such a field.
  [[nodiscard]] std::uint32_t get(std::string_view field) const;
  void set(std::string_view field, std::uint32_t value);

  // Of MAP_QUEUES.
  [[nodiscard]] std::uint32_t doorbell_dword() const { return get("doorbell_offset"); }
  [[nodiscard]] std::uint64_t mqd_address() const {
    return join(get("mqd_addr_lo"), get("mqd_addr_hi"));
  }
  [[nodiscard]] std::uint64_t write_pointer_address() const {
    return join(get("wptr_addr_lo"), get("wptr_addr_hi"));
  }
  [[nodiscard]] bool is_compute() const {
    return get("engine_sel") == 0 && get("extended_engine_sel") == 0;
  }

  bool operator==(const Packet&) const = default;
};

/// The runlist of one GPU or partition.
struct RlsNode {
  std::uint32_t node = 0;  ///< its number in the topology
  std::uint32_t gpu_id = 0;
  /// Whether one has been submitted. False: no queue is active, or the driver is between unmap and
  /// map.
  bool is_active = false;
  /// Each process and after it those of its queues that are active, newest first. A suspended
  /// queue's is not there; its process' is.
  std::vector<Packet> packets;
  std::size_t padding = 0;  ///< words of 0 after the last packet: room that was not needed
  bool operator==(const RlsNode&) const = default;
};
using RlsDump = std::vector<RlsNode>;

/// Reads /sys/kernel/debug/kfd/rls. An empty text is valid: there is no GPU. `path` is what errors
/// call the text.
/// Errors: kParse, "FILE:LINE:COLUMN: reading rls: what is wrong; what to do"; also for a packet
/// that does not belong into a runlist.
/// Source: kfd_debugfs_rls_by_device (kfd_topology.c), pm_debugfs_runlist (kfd_packet_manager.c).
[[nodiscard]] Result<RlsDump> parse_rls(std::string_view text, std::string_view path);

/// The text that amdkfd prints for these: `parse_rls` gives them back.
[[nodiscard]] std::string write_rls(const RlsDump& dump);

}  // namespace gpreempt::kfd::debugfs
