#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/safety/kernel_log.h"
#include "cli/decode_report.h"
#include "experiments/runtime_log.h"

namespace gpreempt::cli {
namespace {

namespace debugfs = kfd::debugfs;
using DecodedJson = nlohmann::ordered_json;

DecodedJson envelope(std::string_view kind) {
  DecodedJson json;
  json["schema"] = 1;
  json["kind"] = kind;
  json["records"] = DecodedJson::array();
  return json;
}

std::string gpu_name(std::uint32_t gpu_id) { return fmt::format("{:x}", gpu_id); }

DecodedJson named(std::span<const debugfs::Field> fields, std::span<const std::uint32_t> words) {
  DecodedJson json = DecodedJson::object();
  for (const debugfs::Field& field : fields) {
    json[std::string(field.name)] = field.get(words);
  }
  return json;
}

std::string printed(const DecodedJson& json) {
  constexpr int kIndent = 2;
  return json.dump(kIndent) + "\n";
}

std::string_view type_of(debugfs::MqdKind kind) {
  switch (kind) {
    case debugfs::MqdKind::kCompute: return "compute";
    case debugfs::MqdKind::kSdma: return "sdma";
    case debugfs::MqdKind::kDebug: return "diq";
    case debugfs::MqdKind::kBadUser:
    case debugfs::MqdKind::kBadKernel:
    case debugfs::MqdKind::kNeither: break;
  }
  return "unknown";
}

DecodedJson record_of(const debugfs::MqdsProcess& process, const debugfs::MqdsQueue& queue) {
  DecodedJson record;
  record["type"] = type_of(queue.kind);
  record["pid"] = process.pid;
  record["gpu"] = gpu_name(queue.gpu_id);
  record["ring_bytes"] = nullptr;
  record["doorbell_slot"] = nullptr;
  DecodedJson xccs = DecodedJson::array();
  if (queue.words.empty()) {
    record["xccs"] = std::move(xccs);
    return record;
  }
  if (queue.kind == debugfs::MqdKind::kSdma) {
    const debugfs::SdmaQueueState state(queue.sdma_mqd());
    record["ring_bytes"] = state.ring_bytes();
    record["doorbell_slot"] = debugfs::doorbell_slot(state.doorbell_dword());
    xccs.push_back(named(debugfs::sdma_mqd_fields(), queue.sdma_mqd()));
  } else {
    const debugfs::QueueState state = debugfs::state_of(queue.mqd(0));
    record["ring_bytes"] = state.ring_bytes();
    record["doorbell_slot"] = debugfs::doorbell_slot(state.doorbell_dword());
    for (std::size_t xcc = 0; xcc < queue.owned(); ++xcc) {
      xccs.push_back(named(debugfs::mqd_fields(), queue.mqd(xcc)));
    }
  }
  record["xccs"] = std::move(xccs);
  return record;
}

std::string_view type_of(debugfs::HqdKind kind) {
  switch (kind) {
    case debugfs::HqdKind::kHiq: return "hiq";
    case debugfs::HqdKind::kCp: return "cp";
    case debugfs::HqdKind::kSdma: break;
  }
  return "sdma";
}

DecodedJson record_of(const debugfs::HqdsDump& dump, const debugfs::HqdSlot& slot) {
  const bool is_sdma = slot.kind == debugfs::HqdKind::kSdma;
  DecodedJson record;
  record["type"] = type_of(slot.kind);
  record["gpu"] = gpu_name(dump.nodes[slot.node].gpu_id);
  if (is_sdma) {
    record["xcc"] = nullptr;
    record["engine"] = slot.instance;
    record["pipe"] = nullptr;
  } else {
    record["xcc"] = slot.instance;
    record["pipe"] = slot.pipe;
  }
  record["queue"] = slot.queue;
  record["active"] = dump.is_active(slot);
  record["fields"] = named(is_sdma ? debugfs::sdma_hqd_fields(slot.count) : debugfs::hqd_fields(),
                           dump.registers_of(slot));
  return record;
}

}  // namespace

std::string decode_json(const debugfs::MqdsDump& dump) {
  DecodedJson json = envelope("mqds");
  for (const debugfs::MqdsProcess& process : dump) {
    for (const debugfs::MqdsQueue& queue : process.queues) {
      json["records"].push_back(record_of(process, queue));
    }
  }
  return printed(json);
}

std::string decode_json(const debugfs::HqdsDump& dump) {
  DecodedJson json = envelope("hqds");
  for (const debugfs::HqdSlot& slot : dump.slots) {
    json["records"].push_back(record_of(dump, slot));
  }
  return printed(json);
}

std::string decode_json(const std::vector<experiments::RuntimeQueue>& queues) {
  DecodedJson json = envelope("runtime-log");
  for (const experiments::RuntimeQueue& queue : queues) {
    json["records"].push_back({{"type", "runtime_queue"},
                               {"runtime_id", queue.id.value()},
                               {"dispatches", queue.dispatches},
                               {"hardware_queue", queue.hardware_queue},
                               {"software_queue", queue.software_queue}});
  }
  return printed(json);
}

std::string decode_json(const std::vector<kfd::LogLine>& lines) {
  DecodedJson json = envelope("kernel-log");
  for (const kfd::LogLine& line : lines) {
    json["records"].push_back({{"type", "trouble"}, {"line", line.number}, {"text", line.text}});
  }
  return printed(json);
}

std::string decode_json(const debugfs::RlsDump& dump) {
  DecodedJson json = envelope("rls");
  for (const debugfs::RlsNode& node : dump) {
    if (!node.is_active) {
      json["records"].push_back({{"type", "no_runlist"},
                                 {"gpu", gpu_name(node.gpu_id)},
                                 {"fields", DecodedJson::object()}});
    }
    for (const debugfs::Packet& packet : node.packets) {
      const debugfs::PacketShape& shape = debugfs::shape_of(packet.kind);
      DecodedJson record;
      record["type"] = shape.name;
      record["gpu"] = gpu_name(node.gpu_id);
      record["fields"] = named(shape.fields, packet.words);
      json["records"].push_back(std::move(record));
    }
  }
  return printed(json);
}

}  // namespace gpreempt::cli
