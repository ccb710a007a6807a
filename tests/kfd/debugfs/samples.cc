#include "tests/kfd/debugfs/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpreempt::kfd::debugfs {
namespace {

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32U); }
std::uint32_t log2_of(std::uint32_t value) {
  return static_cast<std::uint32_t>(std::bit_width(value)) - 1U;
}

constexpr std::string_view kGpu = "f7bc";

}  // namespace

std::string hex_rows(std::span<const std::uint32_t> words, std::string_view indent) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); i += 8) {
    text += fmt::format("{}{:08x}:", indent, i * 4);
    for (std::size_t j = i; j < std::min(i + 8, words.size()); ++j) {
      text += fmt::format(" {:08x}", words[j]);
    }
    text += "\n";
  }
  return text;
}

Words compute_mqd(const ComputeSample& queue, std::uint32_t xcc) {
  constexpr std::uint64_t kStride = 0x3000;
  Words m(512, 0);
  const std::uint64_t mqd = queue.mqd + kStride * xcc;
  const std::uint64_t area = queue.save_area + std::uint64_t{queue.save_area_bytes} * xcc;
  m[0] = 0xc0310800;
  m[23] = m[24] = m[26] = m[27] = 0xffffffff;
  m[39] = xcc;
  m[41] = 1;
  m[128] = low(mqd);
  m[129] = high(mqd);
  m[132] = 0x40005301;
  m[133] = queue.priority < 7 ? 0 : (queue.priority < 11 ? 1 : 2);
  m[134] = queue.priority;
  m[135] = 0x111;
  m[136] = low(queue.ring >> 8U);
  m[137] = high(queue.ring >> 8U);
  m[138] = queue.read_dword;
  m[139] = low(queue.read_pointer);
  m[140] = high(queue.read_pointer);
  m[141] = low(queue.write_pointer);
  m[142] = high(queue.write_pointer);
  m[143] = queue.doorbell_dword << 2U | 2U;
  m[145] = log2_of(queue.ring_bytes / 4) - 1U;
  m[145] |= 5U << 8U | 1U << 14U | 1U << 16U | 2U << 25U | 1U << 28U | (xcc != 0 ? 1U << 27U : 0U);
  m[149] = 0x00b00000;
  m[160] = 1U << 14U;
  m[162] = 0x100;
  m[171] = low(area);
  m[172] = high(area);
  m[174] = queue.control_stack_bytes - queue.control_stack_used;
  m[175] = queue.control_stack_bytes;
  m[176] = queue.control_stack_bytes + queue.wave_state_used;
  m[177] = queue.save_area_bytes;
  m[181] = 1;
  m[182] = queue.write_dword;
  m[226] = kStride;
  return m;
}

Words sdma_mqd(const SdmaSample& queue) {
  Words m(128, 0);
  m[0] = log2_of(queue.ring_bytes / 4) << 1U | 1U << 12U | 6U << 16U;
  m[1] = low(queue.ring >> 8U);
  m[2] = high(queue.ring >> 8U);
  m[8] = high(queue.read_pointer);
  m[9] = low(queue.read_pointer);
  m[22] = queue.doorbell_dword << 2U;
  m[27] = 0xf;
  m[126] = queue.engine;
  m[127] = queue.rlc;
  return m;
}

std::string compute_text(const ComputeSample& queue, std::uint32_t xccs) {
  std::string text = fmt::format("  Compute queue on device {}\n", kGpu);
  for (std::uint32_t xcc = 0; xcc < xccs; ++xcc) {
    text += hex_rows(compute_mqd(queue, xcc), "    ");
  }
  return text;
}

std::string sdma_text(const SdmaSample& queue, std::uint32_t neighbours) {
  std::string text = fmt::format("  SDMA queue on device {}\n", kGpu);
  text += hex_rows(sdma_mqd(queue), "    ");
  for (std::uint32_t i = 0; i < neighbours; ++i) {
    text += hex_rows(Words(128, 0), "    ");
  }
  return text;
}

std::string register_rows(std::span<const Register> registers) {
  std::string text;
  std::size_t left = 0;
  for (std::size_t i = 0; i < registers.size(); ++i) {
    const bool follows = i > 0 && registers[i - 1].address + 4 == registers[i].address;
    if (left == 0 || !follows) {
      text += fmt::format("{}    {:08x}: {:08x}", i > 0 ? "\n" : "", registers[i].address,
                          registers[i].value);
      left = 7;
    } else {
      text += fmt::format(" {:08x}", registers[i].value);
      --left;
    }
  }
  return text + "\n";
}

std::string cp_registers(std::uint32_t base, std::span<const std::uint32_t> words) {
  std::vector<Register> registers;
  for (std::uint32_t i = 0; i < 56; ++i) {
    registers.push_back({.address = (base + 0x1245 + i) * 4, .value = words[i]});
  }
  return register_rows(registers);
}

std::string sdma_registers(std::uint32_t base, std::span<const std::uint32_t> words, bool old) {
  const std::uint32_t last = old ? 0x179 : 0x17b;
  std::vector<Register> registers;
  for (std::uint32_t offset = 0x130; offset <= last; ++offset) {
    if ((offset > 0x142 && offset < 0x158) || offset == 0x15e ||
        (offset > 0x165 && offset < 0x170)) {
      continue;
    }
    registers.push_back({.address = (base + offset) * 4, .value = words[registers.size()]});
  }
  return register_rows(registers);
}

Words active_hqd(std::uint32_t xcc) {
  const Words mqd = compute_mqd({}, xcc);
  Words hqd(mqd.begin() + 128, mqd.begin() + 184);
  hqd[2] = 1;              // CP_HQD_ACTIVE
  hqd[3] = 0x808;          // VMID, IB_VMID
  hqd[10] = 0x40;          // PQ_RPTR
  hqd[15] |= 0x40000000U;  // DOORBELL_EN
  hqd[54] = 0x50;          // PQ_WPTR
  return hqd;
}

std::string hqds_text(std::uint32_t node, std::string_view gpu_id, std::uint32_t xccs,
                      std::uint32_t engines) {
  const Words idle(56, 0);
  std::string text = fmt::format("Node {}, gpu_id {}:\n", node, gpu_id);
  for (std::uint32_t xcc = 0; xcc < xccs; ++xcc) {
    const std::uint32_t base = 0x2000 + 0x8000 * xcc;
    Words hiq = idle;
    hiq[0] = 0x580000;
    hiq[2] = 1;
    text += fmt::format("   Inst {}, HIQ on MEC 2 Pipe 0 Queue 0\n", xcc) + cp_registers(base, hiq);
    for (std::uint32_t slot = 0; slot < 24; ++slot) {
      text += fmt::format(" Inst {},  CP Pipe {}, Queue {}\n", xcc, slot / 6, 2 + slot % 6);
      text += cp_registers(base, slot == 0 ? active_hqd(xcc) : idle);
    }
  }
  for (std::uint32_t slot = 0; slot < engines * 8; ++slot) {
    text += fmt::format("  SDMA Engine {}, RLC {}\n", slot / 8, slot % 8);
    text += sdma_registers(0x1260 + 0x10000 * (slot / 8) + 0x58 * (slot % 8), Words(44, 0));
  }
  return text;
}

Words map_process(std::uint32_t pasid, std::uint32_t queues) {
  Words packet(21, 0);
  packet[0] = 0xc013a100;
  packet[1] = pasid | 10U << 25U;
  packet[13] = queues << 22U | 1U << 7U;
  return packet;
}

Words map_queues(std::uint32_t doorbell_dword, std::uint64_t mqd, std::uint64_t write_pointer,
                 std::uint32_t selector) {
  return {0xc005a200, selector,           doorbell_dword << 2U, low(mqd),
          high(mqd),  low(write_pointer), high(write_pointer)};
}

}  // namespace gpreempt::kfd::debugfs
