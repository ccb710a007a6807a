#include "tests/kfd/discovery/saved_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::kfd {
namespace {

using debugfs::Words;

constexpr std::uint32_t kXccs = 4;

template <class Visit>
void for_each_queue(std::span<const SavedProcess> processes, const Visit& visit) {
  for (const SavedProcess& process : processes) {
    for (const SavedQueue& queue : process.newest_first) {
      visit(queue);
    }
  }
}

Words slot_words(std::span<const SavedProcess> processes, std::uint32_t xcc, std::uint32_t pipe,
                 std::uint32_t number) {
  Words words(56, 0);
  if (pipe != 0 || number != 2) {
    const Words gone = debugfs::compute_mqd({.mqd = 0x8fff000000, .doorbell_dword = 0x7002}, xcc);
    std::copy_n(gone.begin() + 128, 56, words.begin());
  }
  for_each_queue(processes, [&](const SavedQueue& queue) {
    if (!queue.sdma && queue.pipe == pipe && queue.queue == number && xcc < queue.mapped_xccs) {
      const Words mqd = debugfs::compute_mqd(queue.compute, xcc);
      std::copy_n(mqd.begin() + 128, 56, words.begin());
      words[2] = 1;
      words[15] |= 0x40000000U;
    }
  });
  return words;
}

Words sdma_words(std::span<const SavedProcess> processes, std::uint32_t engine, std::uint32_t rlc) {
  Words words(44, 0);
  for_each_queue(processes, [&](const SavedQueue& queue) {
    if (queue.sdma && queue.sdma->engine == engine && queue.sdma->rlc == rlc &&
        queue.mapped_xccs > 0) {
      const Words mqd = debugfs::sdma_mqd(*queue.sdma);
      std::copy_n(mqd.begin(), 42, words.begin());
      words[0] |= 1U;
      words[18] = 1U << 28U;
    }
  });
  return words;
}

}  // namespace

SavedQueue saved_compute(std::uint32_t number, std::uint32_t ring_bytes,
                         std::uint32_t doorbell_slot) {
  constexpr std::uint64_t kApart = 0x200000;
  SavedQueue saved;
  saved.compute = {.mqd = 0x8000600000 + 0x10000 * std::uint64_t{number},
                   .ring = 0x7f1000000000 + kApart * number,
                   .ring_bytes = ring_bytes,
                   .read_pointer = 0x7f0000000080 + kApart * number,
                   .write_pointer = 0x7f0000000038 + kApart * number,
                   .doorbell_dword = 0x1000 + 2 * doorbell_slot};
  saved.pipe = number % 4;
  saved.queue = 2 + number / 4;
  return saved;
}

SavedQueue saved_sdma(std::uint32_t number) {
  SavedQueue saved;
  saved.sdma = debugfs::SdmaSample{.ring = 0x7f2000000000 + 0x200000 * std::uint64_t{number},
                                   .doorbell_dword = 0x1400 + 2 * number,
                                   .engine = number % 2,
                                   .rlc = number / 2};
  return saved;
}

std::string saved_mqds(std::span<const SavedProcess> processes) {
  std::string text;
  for (const SavedProcess& process : processes) {
    text += fmt::format("Process {} PASID {}:\n", process.pid, process.pid);
    std::uint32_t neighbours = 0;
    for (const SavedQueue& queue : process.newest_first) {
      if (queue.sdma) {
        text += debugfs::sdma_text(*queue.sdma, neighbours);
      } else {
        text += debugfs::compute_text(queue.compute, kXccs);
        neighbours = kXccs - 1;
      }
    }
  }
  return text;
}

std::string saved_hqds(std::span<const SavedProcess> processes) {
  std::string text = "Node 2, gpu_id f7bc:\n";
  for (std::uint32_t xcc = 0; xcc < kXccs; ++xcc) {
    const std::uint32_t base = 0x2000 + 0x8000 * xcc;
    text += fmt::format("   Inst {}, HIQ on MEC 2 Pipe 0 Queue 0\n", xcc);
    text += debugfs::cp_registers(base, Words(56, 0));
    for (std::uint32_t slot = 0; slot < 24; ++slot) {
      const std::uint32_t pipe = slot / 6;
      const std::uint32_t queue = 2 + slot % 6;
      text += fmt::format(" Inst {},  CP Pipe {}, Queue {}\n", xcc, pipe, queue);
      text += debugfs::cp_registers(base, slot_words(processes, xcc, pipe, queue));
    }
  }
  for (std::uint32_t slot = 0; slot < 16; ++slot) {
    text += fmt::format("  SDMA Engine {}, RLC {}\n", slot / 8, slot % 8);
    text += debugfs::sdma_registers(0x1260 + 0x10000 * (slot / 8) + 0x58 * (slot % 8),
                                    sdma_words(processes, slot / 8, slot % 8));
  }
  return text;
}

std::string saved_rls(std::span<const SavedProcess> processes) {
  std::string text = "Node 2, gpu_id f7bc:\n";
  Words words;
  const auto append = [&](const Words& packet) {
    words.insert(words.end(), packet.begin(), packet.end());
  };
  for (const SavedProcess& process : processes) {
    append(debugfs::map_process(0x8000 + process.pid % 100,
                                static_cast<std::uint32_t>(process.newest_first.size())));
    for (const SavedQueue& queue : process.newest_first) {
      if (!queue.on_runlist) {
        continue;
      }
      append(queue.sdma ? debugfs::map_queues(queue.sdma->doorbell_dword, 0x8000700000, 0x7f20000,
                                              0x28000014)
                        : debugfs::map_queues(queue.compute.doorbell_dword, queue.compute.mqd,
                                              queue.compute.write_pointer));
    }
  }
  return words.empty() ? text + "  No active runlist\n" : text + debugfs::hex_rows(words, "  ");
}

}  // namespace gpreempt::kfd
