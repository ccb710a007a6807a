#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/cwsr.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/safety/kernel_log.h"
#include "cli/decode_report.h"
#include "cli/table.h"
#include "experiments/runtime_log.h"

namespace gpreempt::cli {
namespace {

namespace debugfs = kfd::debugfs;

std::string hex(std::uint64_t value) { return fmt::format("0x{:x}", value); }

std::string counted(std::size_t count, std::string_view noun, std::string_view plural) {
  return fmt::format("{} {}", count, count == 1 ? noun : plural);
}

// ---- mqds

std::string longest_save(const debugfs::MqdsQueue& queue) {
  std::optional<std::uint64_t> longest;
  for (std::size_t xcc = 0; xcc < queue.owned(); ++xcc) {
    longest = std::max(longest, debugfs::save_times(queue.mqd(xcc)).save_ticks());
  }
  return longest ? std::to_string(*longest) : std::string();
}

std::vector<std::string> row_of_compute(const debugfs::MqdsQueue& queue) {
  const debugfs::QueueState state = debugfs::state_of(queue.mqd(0));
  std::uint64_t saved = 0;
  for (std::size_t xcc = 0; xcc < queue.owned(); ++xcc) {
    saved += debugfs::state_of(queue.mqd(xcc)).saved_bytes();
  }
  return {queue.kind == debugfs::MqdKind::kDebug ? "debug" : "compute",
          fmt::format("{:x}", queue.gpu_id),
          fmt::format("{}", debugfs::doorbell_slot(state.doorbell_dword())),
          hex(state.ring_base()),
          fmt::format("{}", state.ring_bytes()),
          fmt::format("{}/{}", state.pipe_priority(), state.queue_priority()),
          fmt::format("{}", queue.owned()),
          hex(state.mqd_base()),
          fmt::format("{}", saved),
          longest_save(queue)};
}

std::vector<std::string> row_of_sdma(const debugfs::MqdsQueue& queue) {
  const debugfs::SdmaQueueState state(queue.sdma_mqd());
  return {fmt::format("sdma {}.{}", state.engine(), state.rlc()),
          fmt::format("{:x}", queue.gpu_id),
          fmt::format("{}", debugfs::doorbell_slot(state.doorbell_dword())),
          hex(state.ring_base()),
          fmt::format("{}", state.ring_bytes()),
          "",
          "",
          "",
          "",
          ""};
}

std::vector<std::string> row_of(const debugfs::MqdsQueue& queue) {
  if (queue.words.empty()) {
    std::vector<std::string> row = {"unknown type", fmt::format("{:x}", queue.gpu_id)};
    row.resize(10);
    return row;
  }
  return queue.kind == debugfs::MqdKind::kSdma ? row_of_sdma(queue) : row_of_compute(queue);
}

// ---- hqds

struct SlotCount {
  std::size_t all = 0;
  std::size_t active = 0;
  std::size_t stale = 0;
};

SlotCount count_slots(const debugfs::HqdsDump& dump, std::uint32_t node, debugfs::HqdKind kind) {
  SlotCount count;
  for (const debugfs::HqdSlot& slot : dump.slots) {
    if (slot.node == node && slot.kind == kind) {
      ++count.all;
      count.active += dump.is_active(slot) ? 1U : 0U;
      count.stale += dump.is_stale(slot) ? 1U : 0U;
    }
  }
  return count;
}

std::vector<std::string> row_of(const debugfs::HqdsDump& dump, const debugfs::HqdSlot& slot) {
  const bool active = dump.is_active(slot);
  if (slot.kind == debugfs::HqdKind::kSdma) {
    return {fmt::format("SDMA {}", slot.instance),
            "",
            fmt::format("{}", slot.queue),
            active ? "active" : "stale",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            ""};
  }
  const debugfs::QueueState state = dump.state_of(slot);
  return {fmt::format("XCC {}", slot.instance),
          fmt::format("{}", slot.pipe),
          fmt::format("{}", slot.queue),
          active ? "active" : "stale",
          fmt::format("{}", state.vmid()),
          fmt::format("{}", debugfs::doorbell_slot(state.doorbell_dword())),
          hex(state.mqd_base()),
          hex(state.ring_base()),
          fmt::format("{}", state.ring_bytes()),
          fmt::format("{}", state.read_position()),
          fmt::format("{}", state.write_position()),
          fmt::format("{}/{}", state.pipe_priority(), state.queue_priority())};
}

// ---- rls

std::vector<std::string> row_of(const debugfs::Packet& packet) {
  const std::string name(debugfs::shape_of(packet.kind).name);
  if (packet.is_process()) {
    return {name,
            fmt::format("{}", packet.get("pasid")),
            fmt::format("{}", packet.get("num_queues")),
            "",
            "",
            "",
            "",
            ""};
  }
  if (packet.kind == debugfs::PacketKind::kRunList) {
    return {name, "", "", "again", "", "", "", ""};
  }
  return {name,
          "",
          "",
          packet.is_compute() ? "compute" : "sdma",
          hex(packet.doorbell_dword()),
          fmt::format("{}", debugfs::doorbell_slot(packet.doorbell_dword())),
          hex(packet.mqd_address()),
          hex(packet.write_pointer_address())};
}

std::string text_of(const debugfs::RlsNode& node) {
  const std::string head = fmt::format("{:x} (node {}): ", node.gpu_id, node.node);
  if (!node.is_active) {
    return head + "no active runlist\n";
  }
  const auto processes =
      static_cast<std::size_t>(std::ranges::count_if(node.packets, &debugfs::Packet::is_process));
  const auto queues = static_cast<std::size_t>(
      std::ranges::count(node.packets, debugfs::PacketKind::kMapQueues, &debugfs::Packet::kind));
  Table table({"packet", "pasid", "queues", "engine", "doorbell", "slot", "mqd", "write pointer"});
  for (const debugfs::Packet& packet : node.packets) {
    table.add_row(row_of(packet));
  }
  return head +
         fmt::format("{}, {} mapped\n", counted(processes, "process", "processes"),
                     counted(queues, "queue", "queues")) +
         table.render(kTableIndent);
}

}  // namespace

std::string decode_text(const debugfs::MqdsDump& dump) {
  if (dump.empty()) {
    return "no process uses the driver\n";
  }
  std::string text;
  for (const debugfs::MqdsProcess& process : dump) {
    text += fmt::format("process {}: {}\n", process.pid,
                        counted(process.queues.size(), "queue", "queues"));
    Table table({"queue", "gpu", "slot", "ring", "bytes", "priority", "XCCs", "mqd", "saved bytes",
                 "save ticks"});
    for (const debugfs::MqdsQueue& queue : process.queues) {
      table.add_row(row_of(queue));
    }
    text += table.empty() ? std::string() : table.render(kTableIndent);
  }
  return text;
}

std::string decode_text(const debugfs::HqdsDump& dump) {
  std::string text = dump.nodes.empty() ? "no GPU\n" : "";
  for (std::uint32_t index = 0; index < dump.nodes.size(); ++index) {
    const debugfs::HqdsNode& node = dump.nodes[index];
    text += fmt::format("{:x} (node {}): ", node.gpu_id, node.node);
    if (node.is_stopped) {
      text += "its scheduler is stopped\n";
      continue;
    }
    const SlotCount cp = count_slots(dump, index, debugfs::HqdKind::kCp);
    const SlotCount sdma = count_slots(dump, index, debugfs::HqdKind::kSdma);
    text += fmt::format(
        "{} of {} compute slots active, {} stale; {} of {} SDMA slots active, {} stale\n",
        cp.active, cp.all, cp.stale, sdma.active, sdma.all, sdma.stale);
    Table table({"slot", "pipe", "queue", "state", "vmid", "doorbell", "mqd", "ring", "bytes",
                 "read", "write", "priority"});
    for (const debugfs::HqdSlot& slot : dump.slots) {
      if (slot.node == index && slot.kind != debugfs::HqdKind::kHiq &&
          (dump.is_active(slot) || dump.is_stale(slot))) {
        table.add_row(row_of(dump, slot));
      }
    }
    text += table.empty() ? std::string() : table.render(kTableIndent);
  }
  return text;
}

std::string decode_text(const std::vector<experiments::RuntimeQueue>& queues) {
  if (queues.empty()) {
    return "no dispatch names a queue\n";
  }
  const std::string head = fmt::format("{}; ids are the runtime's own and not KFD's\n",
                                       counted(queues.size(), "queue", "queues"));
  Table table({"runtime id", "dispatches", "hardware queue", "software queue"});
  for (const experiments::RuntimeQueue& queue : queues) {
    table.add_row({fmt::format("{}", queue.id), fmt::format("{}", queue.dispatches),
                   hex(queue.hardware_queue), hex(queue.software_queue)});
  }
  return head + table.render(kTableIndent);
}

std::string decode_text(const std::vector<kfd::LogLine>& lines) {
  std::string text;
  for (const kfd::LogLine& line : lines) {
    text += line.text + '\n';
  }
  return text;
}

std::string decode_text(const debugfs::RlsDump& dump) {
  std::string text = dump.empty() ? "no GPU\n" : "";
  for (const debugfs::RlsNode& node : dump) {
    text += text_of(node);
  }
  return text;
}

}  // namespace gpreempt::cli
