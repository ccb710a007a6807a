#include "backends/vkfd/debugfs_files.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/vkfd/queue_places.h"
#include "backends/vkfd/queue_words.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::vkfd {
namespace {

namespace debugfs = kfd::debugfs;
using debugfs::high_half;
using debugfs::low_half;

constexpr std::uint32_t kPipes = 4;
constexpr std::uint32_t kQueuesPerPipe = 8;
constexpr std::uint32_t kFirstVmid = 3;

/// Every queue of a GPU, mapped or not, oldest first.
std::vector<ListedQueue> queues_on(sim::System& system, std::uint32_t gpu) {
  std::vector<ListedQueue> queues;
  for (const Pid pid : system.kfd().listed()) {
    for (const ListedQueue& queue : system.kfd().queues_of(pid)) {
      if (queue.gpu == gpu) {
        queues.push_back(queue);
      }
    }
  }
  std::ranges::sort(queues, {}, &ListedQueue::serial);
  return queues;
}

/// Which of the GPU's SDMA queues it is.
std::uint32_t sdma_place(const std::vector<ListedQueue>& queues, const ListedQueue& queue) {
  return static_cast<std::uint32_t>(std::ranges::count_if(queues, [&](const ListedQueue& other) {
    return other.type == QueueType::kSdma && other.serial < queue.serial;
  }));
}

debugfs::MqdsQueue listing_of(sim::System& system, const ListedQueue& queue, std::uint32_t& dumps) {
  debugfs::MqdsQueue listed{.gpu_id = sim::gpu_id_of(queue.gpu).value()};
  if (queue.type == QueueType::kSdma) {
    listed.kind = debugfs::MqdKind::kSdma;
    listed.words = sdma_mqd(queue, sdma_place(queues_on(system, queue.gpu), queue));
    // Whatever lies behind it: amdkfd dumps as often as for the compute queue before.
    listed.words.resize(debugfs::kSdmaMqdDwords * dumps);
    return listed;
  }
  dumps = system.kfd().parameters(queue.gpu).xccs;
  for (std::uint32_t xcc = 0; xcc < dumps; ++xcc) {
    const Words words = compute_mqd(system, queue, xcc);
    listed.words.insert(listed.words.end(), words.begin(), words.end());
  }
  return listed;
}

/// What is mapped on a GPU, each with the VMID of its process.
struct Mapped {
  ListedQueue queue;
  std::uint32_t vmid = 0;
};
std::vector<Mapped> mapped_on(sim::System& system, std::uint32_t gpu, QueueType type) {
  const std::vector<ListedQueue> all = queues_on(system, gpu);
  const std::uint32_t vmids = std::max(system.kfd().parameters(gpu).vmids, 1U);
  std::vector<Mapped> mapped;
  std::uint32_t process = 0;
  for (const sim::RunlistProcess& entry : system.kfd().runlist(gpu)) {
    for (const sim::QueueIndex hardware : entry.queues) {
      const auto queue = std::ranges::find(all, hardware, &ListedQueue::hardware);
      if (queue != all.end() && queue->type == type && system.gpu(gpu).is_mapped(hardware)) {
        mapped.push_back({.queue = *queue, .vmid = kFirstVmid + process % vmids});
      }
    }
    ++process;
  }
  return mapped;
}

/// A slot's registers while a queue is mapped to it: its descriptor, and what only the hardware
/// knows.
Words occupied(sim::System& system, const Mapped& mapped, std::uint32_t xcc) {
  constexpr std::uint64_t kWordsPerPacket = 16;
  const ListedQueue& queue = mapped.queue;
  const Words mqd = compute_mqd(system, queue, xcc);
  Words words(mqd.begin() + debugfs::kHqdInMqd,
              mqd.begin() + debugfs::kHqdInMqd + debugfs::kHqdDwords);
  const std::uint64_t ring_words = std::max<std::uint64_t>(queue.ring_bytes / kWordBytes, 1);
  const sim::Gpu& gpu = system.gpu(queue.gpu);
  const std::uint64_t read = gpu.read_index(queue.hardware) * kWordsPerPacket;
  const std::uint64_t waiting = gpu.waves().has_work(queue.hardware) ? kWordsPerPacket : 0;
  words[2] = 1;
  words[3] = mapped.vmid | mapped.vmid << 8U;
  words[10] = static_cast<std::uint32_t>(read % ring_words);
  words[15] |= 1U << 30U;
  put_pair(words, 54, read + waiting);
  return words;
}

void add_slot(debugfs::HqdsDump& dump, debugfs::HqdSlot slot, const Words& registers) {
  slot.node = static_cast<std::uint32_t>(dump.nodes.size() - 1);
  slot.first = dump.registers.size();
  slot.count = registers.size();
  dump.registers.insert(dump.registers.end(), registers.begin(), registers.end());
  dump.slots.push_back(slot);
}

/// The HIQ and the compute slots of one XCC.
void add_xcc(debugfs::HqdsDump& dump, sim::System& system, std::uint32_t gpu, std::uint32_t xcc) {
  constexpr std::uint32_t kInstanceBytes = 0xc0000;
  const std::uint32_t address = 0xc914 + xcc * kInstanceBytes;
  Words hiq(debugfs::kHqdDwords, 0);
  hiq[2] = 1;
  hiq[4] = 0x5301;
  hiq[7] = 0x111;
  hiq[17] = 0xd0008508;
  add_slot(dump, {.kind = debugfs::HqdKind::kHiq, .instance = xcc, .address = address}, hiq);
  const std::vector<Mapped> mapped = mapped_on(system, gpu, QueueType::kCompute);
  const std::uint32_t per_pipe = system.kfd().parameters(gpu).hqd_slots / kPipes;
  for (std::uint32_t pipe = 0; pipe < kPipes; ++pipe) {
    for (std::uint32_t i = 0; i < per_pipe; ++i) {
      const std::size_t index = std::size_t{i} * kPipes + pipe;
      const Words registers = index < mapped.size() ? occupied(system, mapped[index], xcc)
                                                    : Words(debugfs::kHqdDwords, 0);
      add_slot(dump,
               {.kind = debugfs::HqdKind::kCp,
                .instance = xcc,
                .pipe = pipe,
                .queue = kQueuesPerPipe - per_pipe + i,
                .address = address},
               registers);
    }
  }
}

void add_sdma(debugfs::HqdsDump& dump, sim::System& system, std::uint32_t gpu) {
  constexpr std::uint32_t kFirstAddress = 0x4e40;
  constexpr std::uint32_t kEngineBytes = 0x40000;
  constexpr std::uint32_t kRlcBytes = 0x160;
  const std::vector<ListedQueue> all = queues_on(system, gpu);
  const std::vector<Mapped> mapped = mapped_on(system, gpu, QueueType::kSdma);
  for (std::uint32_t engine = 0; engine < kSdmaEngines; ++engine) {
    for (std::uint32_t rlc = 0; rlc < kRlcsPerEngine; ++rlc) {
      Words registers(debugfs::kSdmaHqdDwords, 0);
      const auto owner = std::ranges::find_if(mapped, [&](const Mapped& each) {
        return sdma_place(all, each.queue) == rlc * kSdmaEngines + engine;
      });
      if (owner != mapped.end()) {
        const Words mqd = sdma_mqd(owner->queue, rlc * kSdmaEngines + engine);
        std::copy_n(mqd.begin(), debugfs::kOldSdmaHqdDwords, registers.begin());
        registers[0] |= 1U | owner->vmid << 24U;
        registers[18] = 1U << 28U;
      }
      add_slot(dump,
               {.kind = debugfs::HqdKind::kSdma,
                .instance = engine,
                .queue = rlc,
                .address = kFirstAddress + engine * kEngineBytes + rlc * kRlcBytes},
               registers);
    }
  }
}

debugfs::Packet map_process(sim::System& system, std::uint32_t gpu, Pid pid) {
  constexpr std::uint32_t kProcessQuantum = 10;
  const std::vector<ListedQueue> queues = system.kfd().queues_of(pid);
  debugfs::Packet packet = debugfs::Packet::of(debugfs::PacketKind::kMapProcess);
  packet.set("pasid", pasid_of(pid));
  packet.set("process_quantum", kProcessQuantum);
  packet.set("sdma_enable", 1);
  packet.set("num_queues",
             static_cast<std::uint32_t>(std::ranges::count(queues, gpu, &ListedQueue::gpu)));
  return packet;
}

/// pm_map_queues_v9.
debugfs::Packet map_queue(const std::vector<ListedQueue>& all, const ListedQueue& queue) {
  constexpr std::uint32_t kFirstSdmaEngine = 2;
  const bool is_sdma = queue.type == QueueType::kSdma;
  const std::uint64_t ring = sim::KfdModel::ring_base_of(queue.serial);
  const std::uint64_t mqd = mqd_of(queue.serial, 0);
  debugfs::Packet packet = debugfs::Packet::of(debugfs::PacketKind::kMapQueues);
  packet.set("queue_sel", 1);
  packet.set("num_queues", 1);
  packet.set("engine_sel", is_sdma ? kFirstSdmaEngine + sdma_place(all, queue) % kSdmaEngines : 0);
  packet.set("doorbell_offset", doorbell_of(queue));
  packet.set("mqd_addr_lo", low_half(mqd));
  packet.set("mqd_addr_hi", high_half(mqd));
  packet.set("wptr_addr_lo", low_half(write_pointer_of(ring)));
  packet.set("wptr_addr_hi", high_half(write_pointer_of(ring)));
  return packet;
}

/// pm_runlist_v9: the list once more.
debugfs::Packet run_again(const debugfs::RlsNode& node, std::size_t processes) {
  constexpr std::uint64_t kBuffer = 0x8000400000;
  std::size_t words = debugfs::shape_of(debugfs::PacketKind::kRunList).dwords;
  for (const debugfs::Packet& packet : node.packets) {
    words += packet.dwords();
  }
  debugfs::Packet packet = debugfs::Packet::of(debugfs::PacketKind::kRunList);
  packet.set("ib_base_lo", low_half(kBuffer));
  packet.set("ib_base_hi", high_half(kBuffer));
  packet.set("ib_size", static_cast<std::uint32_t>(words));
  packet.set("chain", 1);
  packet.set("valid", 1);
  packet.set("process_cnt", static_cast<std::uint32_t>(processes));
  return packet;
}

void add_queues(debugfs::RlsNode& node, const std::vector<ListedQueue>& all,
                const sim::RunlistProcess& process) {
  for (const sim::QueueIndex hardware : process.queues) {
    const auto queue = std::ranges::find(all, hardware, &ListedQueue::hardware);
    if (queue != all.end()) {
      node.packets.push_back(map_queue(all, *queue));
    }
  }
}

debugfs::RlsNode runlist_of(sim::System& system, std::uint32_t gpu) {
  const sim::Runlist runlist = system.kfd().runlist(gpu);
  const std::vector<ListedQueue> all = queues_on(system, gpu);
  debugfs::RlsNode node{
      .node = gpu + 1, .gpu_id = sim::gpu_id_of(gpu).value(), .is_active = !runlist.empty()};
  for (const sim::RunlistProcess& process : runlist) {
    node.packets.push_back(map_process(system, gpu, Pid(process.process)));
    add_queues(node, all, process);
  }
  if (system.gpu(gpu).is_oversubscribed() && node.is_active) {
    node.packets.push_back(run_again(node, runlist.size()));
  }
  return node;
}

}  // namespace

std::string mqds_text(sim::System& system) {
  const bool has_pasid = system.kfd().personality().mqds_has_pasid;
  debugfs::MqdsDump dump;
  for (const Pid pid : system.kfd().listed()) {
    const auto number = static_cast<std::uint32_t>(pid.value());
    debugfs::MqdsProcess process{
        .pid = number, .pasid = has_pasid ? pasid_of(pid) : number, .pasid_is_hex = has_pasid};
    std::uint32_t dumps = 1;
    for (const ListedQueue& queue : system.kfd().queues_of(pid)) {
      process.queues.push_back(listing_of(system, queue, dumps));
    }
    dump.push_back(std::move(process));
  }
  return debugfs::write_mqds(dump);
}

std::string hqds_text(sim::System& system) {
  debugfs::HqdsDump dump;
  for (std::uint32_t gpu = 0; gpu < system.kfd().gpus(); ++gpu) {
    const bool stopped = system.kfd().is_resetting(gpu);
    dump.nodes.push_back(
        {.node = gpu + 1, .gpu_id = sim::gpu_id_of(gpu).value(), .is_stopped = stopped});
    for (std::uint32_t xcc = 0; !stopped && xcc < system.kfd().parameters(gpu).xccs; ++xcc) {
      add_xcc(dump, system, gpu, xcc);
    }
    if (!stopped) {
      add_sdma(dump, system, gpu);
    }
  }
  return debugfs::write_hqds(dump);
}

std::string rls_text(sim::System& system) {
  debugfs::RlsDump dump;
  for (std::uint32_t gpu = 0; gpu < system.kfd().gpus(); ++gpu) {
    dump.push_back(runlist_of(system, gpu));
  }
  return debugfs::write_rls(dump);
}

}  // namespace gpreempt::vkfd
