#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/kfd/abi_request.h"

/// The ioctls that the owner of a queue makes, and those about a whole process: what a model of the
/// driver serves and what the probes and tests of this project issue. Layout as in
/// include/uapi/linux/kfd_ioctl.h (6.12).
namespace gpreempt::kfd::abi {

/// GET_CLOCK_COUNTERS: the clocks of a GPU and of the system at one instant.
struct ClockCounters {
  std::uint64_t gpu_clock_counter = 0;
  std::uint64_t cpu_clock_counter = 0;
  std::uint64_t system_clock_counter = 0;  ///< CLOCK_BOOTTIME in ns
  std::uint64_t system_clock_freq = 0;
  std::uint32_t gpu_id = 0;  ///< in; 0 is refused by some drivers
  std::uint32_t pad = 0;
};
static_assert(sizeof(ClockCounters) == 40 && offsetof(ClockCounters, cpu_clock_counter) == 8 &&
              offsetof(ClockCounters, system_clock_counter) == 16 &&
              offsetof(ClockCounters, system_clock_freq) == 24 &&
              offsetof(ClockCounters, gpu_id) == 32);

enum class QueueKind : std::uint32_t {
  kCompute = 0,
  kSdma = 1,
  kComputeAql = 2,
  kSdmaXgmi = 3,
  kSdmaByEngine = 4,
};

/// CREATE_QUEUE. A driver before 1.17 knows the first 88 bytes; both sizes are taken by both.
struct CreateQueue {
  std::uint64_t ring_base_address = 0;
  std::uint64_t write_pointer_address = 0;
  std::uint64_t read_pointer_address = 0;
  std::uint64_t doorbell_offset = 0;  ///< out
  std::uint32_t ring_size = 0;        ///< bytes, a power of two
  std::uint32_t gpu_id = 0;
  QueueKind queue_type = QueueKind::kCompute;
  std::uint32_t queue_percentage = 0;  ///< 0 to 100
  std::uint32_t queue_priority = 0;    ///< 0 to 15
  std::uint32_t queue_id = 0;          ///< out
  std::uint64_t eop_buffer_address = 0;
  std::uint64_t eop_buffer_size = 0;
  std::uint64_t ctx_save_restore_address = 0;
  std::uint32_t ctx_save_restore_size = 0;
  std::uint32_t ctl_stack_size = 0;
  std::uint32_t sdma_engine_id = 0;
  std::uint32_t pad = 0;
};
static_assert(sizeof(CreateQueue) == 96 && offsetof(CreateQueue, write_pointer_address) == 8 &&
              offsetof(CreateQueue, read_pointer_address) == 16 &&
              offsetof(CreateQueue, doorbell_offset) == 24 &&
              offsetof(CreateQueue, ring_size) == 32 && offsetof(CreateQueue, gpu_id) == 36 &&
              offsetof(CreateQueue, queue_type) == 40 &&
              offsetof(CreateQueue, queue_percentage) == 44 &&
              offsetof(CreateQueue, queue_priority) == 48 && offsetof(CreateQueue, queue_id) == 52);
static_assert(offsetof(CreateQueue, eop_buffer_address) == 56 &&
              offsetof(CreateQueue, eop_buffer_size) == 64 &&
              offsetof(CreateQueue, ctx_save_restore_address) == 72 &&
              offsetof(CreateQueue, ctx_save_restore_size) == 80 &&
              offsetof(CreateQueue, ctl_stack_size) == 84 &&
              offsetof(CreateQueue, sdma_engine_id) == 88);
/// Bytes of `CreateQueue` before the SDMA engine was added.
inline constexpr std::size_t kCreateQueueBytesBefore17 = 88;

/// DESTROY_QUEUE. Blocks while the queue is suspended by a debugger.
struct DestroyQueue {
  std::uint32_t queue_id = 0;
  std::uint32_t pad = 0;
};
static_assert(sizeof(DestroyQueue) == 8);

/// UPDATE_QUEUE. Percentage 0 takes the queue off.
struct UpdateQueue {
  std::uint64_t ring_base_address = 0;
  std::uint32_t queue_id = 0;
  std::uint32_t ring_size = 0;
  std::uint32_t queue_percentage = 0;
  std::uint32_t queue_priority = 0;
};
static_assert(sizeof(UpdateQueue) == 24 && offsetof(UpdateQueue, queue_id) == 8 &&
              offsetof(UpdateQueue, ring_size) == 12 &&
              offsetof(UpdateQueue, queue_percentage) == 16 &&
              offsetof(UpdateQueue, queue_priority) == 20);

/// SET_CU_MASK.
struct SetCuMask {
  std::uint32_t queue_id = 0;
  std::uint32_t num_cu_mask = 0;  ///< bits, a multiple of 32
  std::uint64_t cu_mask_ptr = 0;
};
static_assert(sizeof(SetCuMask) == 16 && offsetof(SetCuMask, num_cu_mask) == 4 &&
              offsetof(SetCuMask, cu_mask_ptr) == 8);

/// GET_QUEUE_WAVE_STATE: of an inactive compute queue, by its owner.
struct QueueWaveState {
  std::uint64_t ctl_stack_address = 0;
  std::uint32_t ctl_stack_used_size = 0;  ///< out
  std::uint32_t save_area_used_size = 0;  ///< out
  std::uint32_t queue_id = 0;
  std::uint32_t pad = 0;
};
static_assert(sizeof(QueueWaveState) == 24 && offsetof(QueueWaveState, ctl_stack_used_size) == 8 &&
              offsetof(QueueWaveState, save_area_used_size) == 12 &&
              offsetof(QueueWaveState, queue_id) == 16);

/// GET_PROCESS_APERTURES_NEW: of every GPU, as far as there is room.
struct ProcessApertures {
  std::uint64_t apertures_ptr = 0;
  std::uint32_t num_of_nodes = 0;  ///< in: capacity (0: only count), out: filled
  std::uint32_t pad = 0;
};
static_assert(sizeof(ProcessApertures) == 16 && offsetof(ProcessApertures, num_of_nodes) == 8);

/// ACQUIRE_VM: the address space of a render node's descriptor.
struct AcquireVm {
  std::uint32_t drm_fd = 0;
  std::uint32_t gpu_id = 0;
};
static_assert(sizeof(AcquireVm) == 8 && offsetof(AcquireVm, gpu_id) == 4);

/// SET_XNACK_MODE: negative asks, and is replaced by the mode.
struct XnackMode {
  std::int32_t xnack_enabled = 0;
};
static_assert(sizeof(XnackMode) == 4);

// ---- RUNTIME_ENABLE

inline constexpr std::uint32_t kRuntimeModeEnable = 1;  ///< without it: disable
inline constexpr std::uint32_t kRuntimeModeTtmpSave = 2;

/// RUNTIME_ENABLE by the target's runtime. Under a debugger it returns only after that has answered
/// with SEND_RUNTIME_EVENT.
struct RuntimeEnable {
  std::uint64_t r_debug = 0;
  std::uint32_t mode_mask = 0;
  std::uint32_t capabilities_mask = 0;  ///< out
};
static_assert(sizeof(RuntimeEnable) == 16 && offsetof(RuntimeEnable, mode_mask) == 8 &&
              offsetof(RuntimeEnable, capabilities_mask) == 12);

// ---- SMI_EVENTS

struct SmiEvents {
  std::uint32_t gpu_id = 0;
  std::uint32_t anon_fd = 0;  ///< out; takes a mask of events as u64, gives lines of text
};
static_assert(sizeof(SmiEvents) == 8 && offsetof(SmiEvents, anon_fd) == 4);

enum class SmiEvent : std::uint32_t {
  kVmFault = 1,
  kThermalThrottle = 2,
  kGpuPreReset = 3,
  kGpuPostReset = 4,
  kMigrateStart = 5,
  kMigrateEnd = 6,
  kPageFaultStart = 7,
  kPageFaultEnd = 8,
  kQueueEviction = 9,
  kQueueRestore = 10,
  kUnmapFromGpu = 11,
  kAllProcesses = 64,  ///< a right (CAP_SYS_ADMIN), not an event
};

/// The bit of an event in the mask that is written to the descriptor.
[[nodiscard]] constexpr std::uint64_t smi_mask(SmiEvent event) {
  return std::uint64_t{1} << (static_cast<std::uint32_t>(event) - 1U);
}

// ---- CRIU_OP

enum class CriuOp : std::uint32_t {
  kProcessInfo = 0,  ///< evicts every queue of the process until `kUnpause`
  kCheckpoint = 1,
  kUnpause = 2,
  kRestore = 3,
  kResume = 4,
};

struct Criu {
  std::uint64_t devices = 0;
  std::uint64_t bos = 0;
  std::uint64_t priv_data = 0;
  std::uint64_t priv_data_size = 0;
  std::uint32_t num_devices = 0;
  std::uint32_t num_bos = 0;
  std::uint32_t num_objects = 0;
  std::uint32_t pid = 0;
  CriuOp op = CriuOp::kProcessInfo;
  std::uint32_t pad = 0;
};
static_assert(sizeof(Criu) == 56 && offsetof(Criu, bos) == 8 && offsetof(Criu, priv_data) == 16 &&
              offsetof(Criu, priv_data_size) == 24 && offsetof(Criu, num_devices) == 32 &&
              offsetof(Criu, num_bos) == 36 && offsetof(Criu, num_objects) == 40 &&
              offsetof(Criu, pid) == 44 && offsetof(Criu, op) == 48);

// ---- numbers

inline constexpr std::uint32_t kCreateQueue = encode(kReadWrite, sizeof(CreateQueue), 0x02);
inline constexpr std::uint32_t kDestroyQueue = encode(kReadWrite, sizeof(DestroyQueue), 0x03);
inline constexpr std::uint32_t kGetClockCounters = encode(kReadWrite, sizeof(ClockCounters), 0x05);
inline constexpr std::uint32_t kUpdateQueue = encode(kWrite, sizeof(UpdateQueue), 0x07);
inline constexpr std::uint32_t kGetProcessApertures =
    encode(kReadWrite, sizeof(ProcessApertures), 0x14);
inline constexpr std::uint32_t kAcquireVm = encode(kWrite, sizeof(AcquireVm), 0x15);
inline constexpr std::uint32_t kSetXnackMode = encode(kReadWrite, sizeof(XnackMode), 0x21);
inline constexpr std::uint32_t kSetCuMask = encode(kWrite, sizeof(SetCuMask), 0x1a);
inline constexpr std::uint32_t kGetQueueWaveState =
    encode(kReadWrite, sizeof(QueueWaveState), 0x1b);
inline constexpr std::uint32_t kSmiEvents = encode(kReadWrite, sizeof(SmiEvents), 0x1f);
inline constexpr std::uint32_t kCriuOp = encode(kReadWrite, sizeof(Criu), 0x22);
inline constexpr std::uint32_t kRuntimeEnable = encode(kReadWrite, sizeof(RuntimeEnable), 0x25);
static_assert(kCreateQueue == 0xc0604b02);
static_assert(kDestroyQueue == 0xc0084b03);
static_assert(kGetClockCounters == 0xc0284b05);
static_assert(kUpdateQueue == 0x40184b07);
static_assert(kGetProcessApertures == 0xc0104b14);
static_assert(kAcquireVm == 0x40084b15);
static_assert(kSetXnackMode == 0xc0044b21);
static_assert(kSetCuMask == 0x40104b1a);
static_assert(kGetQueueWaveState == 0xc0184b1b);
static_assert(kSmiEvents == 0xc0084b1f);
static_assert(kCriuOp == 0xc0384b22);
static_assert(kRuntimeEnable == 0xc0104b25);

}  // namespace gpreempt::kfd::abi
