#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/rls.h"
#include "core/error.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr auto kMapProcessFields = std::to_array<Field>({
    {.name = "pasid", .dword = 1, .low_bit = 0, .bits = 16},
    {.name = "single_memops", .dword = 1, .low_bit = 16, .bits = 1},
    {.name = "cleaner_shader", .dword = 1, .low_bit = 17, .bits = 1},
    {.name = "debug_vmid", .dword = 1, .low_bit = 18, .bits = 4},
    {.name = "new_debug", .dword = 1, .low_bit = 22, .bits = 1},
    {.name = "tmz", .dword = 1, .low_bit = 23, .bits = 1},
    {.name = "diq_enable", .dword = 1, .low_bit = 24, .bits = 1},
    {.name = "process_quantum", .dword = 1, .low_bit = 25, .bits = 7},
    {.name = "vm_context_page_table_base_addr_lo32", .dword = 2},
    {.name = "vm_context_page_table_base_addr_hi32", .dword = 3},
    {.name = "sh_mem_bases", .dword = 4},
    {.name = "sh_mem_config", .dword = 5},
    {.name = "sq_shader_tba_lo", .dword = 6},
    {.name = "sq_shader_tba_hi", .dword = 7},
    {.name = "sq_shader_tma_lo", .dword = 8},
    {.name = "sq_shader_tma_hi", .dword = 9},
    {.name = "gds_addr_lo", .dword = 11},
    {.name = "gds_addr_hi", .dword = 12},
    {.name = "num_gws", .dword = 13, .low_bit = 0, .bits = 7},
    {.name = "sdma_enable", .dword = 13, .low_bit = 7, .bits = 1},
    {.name = "num_oac", .dword = 13, .low_bit = 8, .bits = 4},
    {.name = "gds_size_hi", .dword = 13, .low_bit = 12, .bits = 4},
    {.name = "gds_size", .dword = 13, .low_bit = 16, .bits = 6},
    {.name = "num_queues", .dword = 13, .low_bit = 22, .bits = 10},
    {.name = "spi_gdbg_per_vmid_cntl", .dword = 14},
    {.name = "tcp_watch_cntl0", .dword = 15},
    {.name = "tcp_watch_cntl1", .dword = 16},
    {.name = "tcp_watch_cntl2", .dword = 17},
    {.name = "tcp_watch_cntl3", .dword = 18},
    {.name = "completion_signal_lo", .dword = 19},
    {.name = "completion_signal_hi", .dword = 20},
});

constexpr auto kOldMapProcessFields = std::to_array<Field>({
    {.name = "pasid", .dword = 1, .low_bit = 0, .bits = 16},
    {.name = "diq_enable", .dword = 1, .low_bit = 24, .bits = 1},
    {.name = "process_quantum", .dword = 1, .low_bit = 25, .bits = 7},
    {.name = "vm_context_page_table_base_addr_lo32", .dword = 2},
    {.name = "vm_context_page_table_base_addr_hi32", .dword = 3},
    {.name = "sh_mem_bases", .dword = 4},
    {.name = "sh_mem_config", .dword = 5},
    {.name = "sq_shader_tba_lo", .dword = 6},
    {.name = "sq_shader_tba_hi", .dword = 7},
    {.name = "sq_shader_tma_lo", .dword = 8},
    {.name = "sq_shader_tma_hi", .dword = 9},
    {.name = "gds_addr_lo", .dword = 11},
    {.name = "gds_addr_hi", .dword = 12},
    {.name = "num_gws", .dword = 13, .low_bit = 0, .bits = 7},
    {.name = "sdma_enable", .dword = 13, .low_bit = 7, .bits = 1},
    {.name = "num_oac", .dword = 13, .low_bit = 8, .bits = 4},
    {.name = "gds_size_hi", .dword = 13, .low_bit = 12, .bits = 4},
    {.name = "gds_size", .dword = 13, .low_bit = 16, .bits = 6},
    {.name = "num_queues", .dword = 13, .low_bit = 22, .bits = 10},
    {.name = "completion_signal_lo", .dword = 14},
    {.name = "completion_signal_hi", .dword = 15},
});

constexpr auto kMapQueuesFields = std::to_array<Field>({
    {.name = "extended_engine_sel", .dword = 1, .low_bit = 2, .bits = 2},
    {.name = "queue_sel", .dword = 1, .low_bit = 4, .bits = 2},
    {.name = "gws_control_queue", .dword = 1, .low_bit = 12, .bits = 1},
    {.name = "queue_type", .dword = 1, .low_bit = 21, .bits = 3},
    {.name = "engine_sel", .dword = 1, .low_bit = 26, .bits = 3},
    {.name = "num_queues", .dword = 1, .low_bit = 29, .bits = 3},
    {.name = "doorbell_offset", .dword = 2, .low_bit = 2, .bits = 26},
    {.name = "mqd_addr_lo", .dword = 3},
    {.name = "mqd_addr_hi", .dword = 4},
    {.name = "wptr_addr_lo", .dword = 5},
    {.name = "wptr_addr_hi", .dword = 6},
});

constexpr auto kRunListFields = std::to_array<Field>({
    {.name = "ib_base_lo", .dword = 1},
    {.name = "ib_base_hi", .dword = 2},
    {.name = "ib_size", .dword = 3, .low_bit = 0, .bits = 20},
    {.name = "chain", .dword = 3, .low_bit = 20, .bits = 1},
    {.name = "offload_polling", .dword = 3, .low_bit = 21, .bits = 1},
    {.name = "chained_runlist_idle_disable", .dword = 3, .low_bit = 22, .bits = 1},
    {.name = "valid", .dword = 3, .low_bit = 23, .bits = 1},
    {.name = "process_cnt", .dword = 3, .low_bit = 24, .bits = 4},
});

/// In the order of the enumeration.
constexpr auto kShapes = std::to_array<PacketShape>({
    {.kind = PacketKind::kMapProcess,
     .name = "map_process",
     .header = 0xc013a100,
     .dwords = 21,
     .fields = kMapProcessFields},
    {.kind = PacketKind::kOldMapProcess,
     .name = "map_process",
     .header = 0xc00ea100,
     .dwords = 16,
     .fields = kOldMapProcessFields},
    {.kind = PacketKind::kMapQueues,
     .name = "map_queues",
     .header = 0xc005a200,
     .dwords = 7,
     .fields = kMapQueuesFields},
    {.kind = PacketKind::kRunList,
     .name = "run_list",
     .header = 0xc002a500,
     .dwords = 4,
     .fields = kRunListFields},
});

const Field& field_of(PacketKind kind, std::string_view name) {
  const std::span<const Field> fields = shape_of(kind).fields;
  const auto found = std::ranges::find(fields, name, &Field::name);
  GPREEMPT_CHECK(found != fields.end());
  return *found;
}

}  // namespace

std::span<const PacketShape> packet_shapes() { return kShapes; }

const PacketShape& shape_of(PacketKind kind) { return kShapes[static_cast<std::size_t>(kind)]; }

Packet Packet::of(PacketKind kind) {
  Packet packet{.kind = kind};
  packet.words.front() = shape_of(kind).header;
  return packet;
}

std::uint32_t Packet::get(std::string_view field) const { return field_of(kind, field).get(words); }

void Packet::set(std::string_view field, std::uint32_t value) {
  field_of(kind, field).set(words, value);
}

}  // namespace gpreempt::kfd::debugfs
