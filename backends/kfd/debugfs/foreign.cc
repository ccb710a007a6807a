#include <array>
#include <string_view>

#include "backends/kfd/debugfs/text_cursor.h"

/// What people hand over instead of a file of amdkfd's, and how to tell them.
namespace gpreempt::kfd::debugfs {
namespace {

struct Sign {
  std::string_view text;  ///< in the line
  std::string_view explanation;
};

constexpr std::string_view kLinesLeftOut =
    "lines were left out of this copy, and it cannot be read without them: take the whole file, "
    "as root: cat /sys/kernel/debug/kfd/...";
constexpr std::string_view kNamesRegisters =
    "amdkfd never prints a register by name: after 'Node 2, gpu_id f7bc:' it prints the slot and "
    "then addresses with values (seq_reg_dump in kfd_device_queue_manager.c). No kernel printed "
    "this; take the file itself: cat /sys/kernel/debug/kfd/hqds";
constexpr std::string_view kNamesQueues =
    "amdkfd's mqds has no queue ids, addresses or states in words, and names a GPU by a "
    "hexadecimal id, not by its PCI place: 'Process PID PASID N:', then '  Compute queue on device "
    "f7bc' and the MQD in hexadecimal (pqm_debugfs_mqds in kfd_process_queue_manager.c). No kernel "
    "printed this; take the file itself: cat /sys/kernel/debug/kfd/mqds";
constexpr std::string_view kIsMqds =
    "this is a line of mqds: use 'gpreempt decode mqds' if the whole file is";
constexpr std::string_view kIsHqds =
    "this is a line of hqds: use 'gpreempt decode hqds' if the whole file is";
constexpr std::string_view kIsRls =
    "this is a line of rls: use 'gpreempt decode rls' if the whole file is";
constexpr std::string_view kUnknown =
    "take the file anew, whole and as root: cat /sys/kernel/debug/kfd/...; if it still says this, "
    "the driver is one that gpreempt does not know";

constexpr std::string_view kNoEvent =
    "an event is a line of its id in hexadecimal, a blank and its payload, as amdkfd writes it; a "
    "read that began in the middle of a line cannot be used";

constexpr auto kSigns = std::to_array<Sign>({
    {.text = " = 0x", .explanation = kNamesRegisters},
    {.text = ", GPU ", .explanation = kNamesRegisters},
    {.text = "Queue ID", .explanation = kNamesQueues},
    {.text = "is active:", .explanation = kNamesQueues},
    {.text = "priority:", .explanation = kNamesQueues},
    {.text = "pasid 0x", .explanation = kNamesQueues},
    {.text = "...", .explanation = kLinesLeftOut},
    {.text = "\u2026", .explanation = kLinesLeftOut},
});

/// Such a line belongs into another file.
struct Owner {
  std::string_view text;
  DumpKind kind;
  std::string_view explanation;
};
constexpr auto kOwners = std::to_array<Owner>({
    {.text = " PASID ", .kind = DumpKind::kMqds, .explanation = kIsMqds},
    {.text = "queue on device ", .kind = DumpKind::kMqds, .explanation = kIsMqds},
    {.text = "HIQ on MEC", .kind = DumpKind::kHqds, .explanation = kIsHqds},
    {.text = " CP Pipe ", .kind = DumpKind::kHqds, .explanation = kIsHqds},
    {.text = "SDMA Engine ", .kind = DumpKind::kHqds, .explanation = kIsHqds},
    {.text = "No active runlist", .kind = DumpKind::kRls, .explanation = kIsRls},
});

/// "Compute queue on device 0001:01:00.0", or the same without the two blanks before it.
bool names_pci_place(std::string_view line) {
  constexpr std::string_view kDevice = "queue on device ";
  const auto at = line.find(kDevice);
  return at != std::string_view::npos &&
         line.substr(at + kDevice.size()).find(':') != std::string_view::npos;
}

}  // namespace

std::string_view explain_foreign(DumpKind kind, std::string_view line) {
  if (kind == DumpKind::kSmiEvents) {
    return kNoEvent;
  }
  if (names_pci_place(line)) {
    return kNamesQueues;
  }
  for (const Sign& sign : kSigns) {
    if (line.find(sign.text) != std::string_view::npos) {
      return sign.explanation;
    }
  }
  for (const Owner& owner : kOwners) {
    if (kind != owner.kind && line.find(owner.text) != std::string_view::npos) {
      return owner.explanation;
    }
  }
  return kUnknown;
}

}  // namespace gpreempt::kfd::debugfs
