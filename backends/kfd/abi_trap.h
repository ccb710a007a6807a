#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/kfd/abi_queue.h"
#include "backends/kfd/abi_request.h"

/// The debugger's ioctl, DBG_TRAP: one request with an operation and its arguments. Layout as in
/// include/uapi/linux/kfd_ioctl.h (6.12).
namespace gpreempt::kfd::abi {

// ---- DBG_TRAP

enum class TrapOp : std::uint32_t {
  kEnable = 0,
  kDisable = 1,
  kSendRuntimeEvent = 2,
  kSetExceptionsEnabled = 3,
  kSetWaveLaunchOverride = 4,
  kSetWaveLaunchMode = 5,
  kSuspendQueues = 6,
  kResumeQueues = 7,
  kSetNodeAddressWatch = 8,
  kClearNodeAddressWatch = 9,
  kSetFlags = 10,
  kQueryDebugEvent = 11,
  kQueryExceptionInfo = 12,
  kGetQueueSnapshot = 13,
  kGetDeviceSnapshot = 14,
};

// The members of the union have no initialisers so that it is trivial; `TrapArgs{}` is all zero.

struct TrapEnable {
  std::uint64_t exception_mask;
  std::uint64_t rinfo_ptr;
  std::uint32_t rinfo_size;  ///< in: capacity, out: filled
  std::uint32_t dbg_fd;
};

struct TrapSendRuntimeEvent {
  std::uint64_t exception_mask;
  std::uint32_t gpu_id;
  std::uint32_t queue_id;
};

struct TrapSetExceptions {
  std::uint64_t exception_mask;
};

struct TrapLaunchOverride {
  std::uint32_t override_mode;         ///< 0 or, 1 replace
  std::uint32_t enable_mask;           ///< in: bits to set, out: bits that were set
  std::uint32_t support_request_mask;  ///< in: bits asked for, out: bits there are
  std::uint32_t pad;
};

struct TrapLaunchMode {
  std::uint32_t launch_mode;  ///< 0 normal, 1 halt, 3 debug
  std::uint32_t pad;
};

struct TrapSuspend {
  std::uint64_t exception_mask;  ///< bits to clear on each queue that was suspended
  std::uint64_t queue_array_ptr;
  std::uint32_t num_queues;
  std::uint32_t grace_period;  ///< units of 1000 GPU clocks, 8 bits; `kGraceDefault`
};

struct TrapResume {
  std::uint64_t queue_array_ptr;  ///< 0 = every queue of the target
  std::uint32_t num_queues;
  std::uint32_t pad;
};

struct TrapSetWatch {
  std::uint64_t address;
  std::uint32_t mode;  ///< 0 read, 1 anything but read, 2 atomic, 3 all
  std::uint32_t mask;
  std::uint32_t gpu_id;
  std::uint32_t id;  ///< out
};

struct TrapClearWatch {
  std::uint32_t gpu_id;
  std::uint32_t id;
};

struct TrapSetFlags {
  std::uint32_t flags;  ///< in: new ones, out: previous ones
  std::uint32_t pad;
};

struct TrapQueryEvent {
  std::uint64_t exception_mask;  ///< in: bits to clear, out: bits that were set
  std::uint32_t gpu_id;
  std::uint32_t queue_id;
};

struct TrapExceptionInfo {
  std::uint64_t info_ptr;
  std::uint32_t info_size;  ///< in: capacity, out: filled
  std::uint32_t source_id;  ///< a queue or a GPU, by the code
  std::uint32_t exception_code;
  std::uint32_t clear_exception;
};

struct TrapQueueSnapshot {
  std::uint64_t exception_mask;  ///< bits to clear on the entries filled
  std::uint64_t snapshot_buf_ptr;
  std::uint32_t num_queues;  ///< in: capacity, out: queues there are
  std::uint32_t entry_size;  ///< in: stride, out: bytes filled of each
};

struct TrapDeviceSnapshot {
  std::uint64_t exception_mask;  ///< bits to clear on the entries filled
  std::uint64_t snapshot_buf_ptr;
  std::uint32_t num_devices;  ///< in: capacity, out: devices there are
  std::uint32_t entry_size;   ///< in: stride, out: bytes filled of each
};

struct TrapArgs {
  std::uint32_t pid = 0;
  TrapOp op = TrapOp::kEnable;
  union {
    std::uint64_t raw[3] = {0, 0, 0};
    TrapEnable enable;
    TrapSendRuntimeEvent send_runtime_event;
    TrapSetExceptions set_exceptions;
    TrapLaunchOverride launch_override;
    TrapLaunchMode launch_mode;
    TrapSuspend suspend;
    TrapResume resume;
    TrapSetWatch set_watch;
    TrapClearWatch clear_watch;
    TrapSetFlags set_flags;
    TrapQueryEvent query_event;
    TrapExceptionInfo exception_info;
    TrapQueueSnapshot snapshot;
    TrapDeviceSnapshot device_snapshot;
  };
};
static_assert(sizeof(TrapArgs) == 32);
static_assert(offsetof(TrapArgs, op) == 4);
static_assert(offsetof(TrapArgs, enable) == 8);
static_assert(sizeof(TrapEnable) == 24 && offsetof(TrapEnable, rinfo_ptr) == 8 &&
              offsetof(TrapEnable, rinfo_size) == 16 && offsetof(TrapEnable, dbg_fd) == 20);
static_assert(sizeof(TrapSendRuntimeEvent) == 16 && offsetof(TrapSendRuntimeEvent, gpu_id) == 8 &&
              offsetof(TrapSendRuntimeEvent, queue_id) == 12);
static_assert(sizeof(TrapSuspend) == 24 && offsetof(TrapSuspend, queue_array_ptr) == 8 &&
              offsetof(TrapSuspend, num_queues) == 16 && offsetof(TrapSuspend, grace_period) == 20);
static_assert(sizeof(TrapResume) == 16 && offsetof(TrapResume, num_queues) == 8);
static_assert(sizeof(TrapQueryEvent) == 16 && offsetof(TrapQueryEvent, gpu_id) == 8 &&
              offsetof(TrapQueryEvent, queue_id) == 12);
static_assert(sizeof(TrapQueueSnapshot) == 24 &&
              offsetof(TrapQueueSnapshot, snapshot_buf_ptr) == 8 &&
              offsetof(TrapQueueSnapshot, num_queues) == 16 &&
              offsetof(TrapQueueSnapshot, entry_size) == 20);

static_assert(sizeof(TrapLaunchOverride) == 16 && offsetof(TrapLaunchOverride, enable_mask) == 4 &&
              offsetof(TrapLaunchOverride, support_request_mask) == 8);
static_assert(sizeof(TrapLaunchMode) == 8 && sizeof(TrapSetFlags) == 8);
static_assert(sizeof(TrapSetWatch) == 24 && offsetof(TrapSetWatch, mode) == 8 &&
              offsetof(TrapSetWatch, mask) == 12 && offsetof(TrapSetWatch, gpu_id) == 16 &&
              offsetof(TrapSetWatch, id) == 20);
static_assert(sizeof(TrapClearWatch) == 8 && offsetof(TrapClearWatch, id) == 4);
static_assert(sizeof(TrapExceptionInfo) == 24 && offsetof(TrapExceptionInfo, info_size) == 8 &&
              offsetof(TrapExceptionInfo, source_id) == 12 &&
              offsetof(TrapExceptionInfo, exception_code) == 16 &&
              offsetof(TrapExceptionInfo, clear_exception) == 20);
static_assert(sizeof(TrapDeviceSnapshot) == 24 &&
              offsetof(TrapDeviceSnapshot, snapshot_buf_ptr) == 8 &&
              offsetof(TrapDeviceSnapshot, num_devices) == 16 &&
              offsetof(TrapDeviceSnapshot, entry_size) == 20);

inline constexpr std::uint32_t kDbgTrap = encode(kReadWrite, sizeof(TrapArgs), 0x26);
static_assert(kDbgTrap == 0xc0204b26);

/// Longest id array SUSPEND and RESUME take.
inline constexpr std::size_t kMaxQueues = 1024;
inline constexpr std::uint32_t kGraceDefault = 0xffffffff;
/// Largest grace period: the field has 8 effective bits, 256 would mean 0.
inline constexpr std::uint32_t kGraceUnitsMax = 255;
inline constexpr std::uint32_t kClocksPerGraceUnit = 1000;

// ---- status bits in the id arrays of SUSPEND and RESUME

inline constexpr std::uint32_t kQueueError = 0x40000000;    ///< the hardware step failed
inline constexpr std::uint32_t kQueueInvalid = 0x80000000;  ///< no such queue, or NEW still set
inline constexpr std::uint32_t kQueueIdMask = 0x3fffffff;

// ---- exceptions: mask = 1 << (code - 1)

[[nodiscard]] constexpr std::uint64_t exception_mask(unsigned code) {
  return std::uint64_t{1} << (code - 1U);
}
inline constexpr std::uint64_t kQueueNew = exception_mask(31);
inline constexpr std::uint64_t kProcessRuntime = exception_mask(48);
/// All that are raised for a queue, for a GPU, and for the whole process.
inline constexpr std::uint64_t kQueueExceptions = 0x607f803f;
inline constexpr std::uint64_t kDeviceExceptions = 0xf80000000;
inline constexpr std::uint64_t kProcessExceptions = 0x1800000000000;
static_assert((kQueueExceptions & kQueueNew) != 0 && (kProcessExceptions & kProcessRuntime) != 0);
static_assert(kQueueNew == 0x40000000);
static_assert(kProcessRuntime == 0x800000000000);

// ---- results

enum class RuntimeState : std::uint32_t {
  kDisabled = 0,
  kEnabled = 1,
  kEnabledBusy = 2,
  kEnabledError = 3,
};

struct RuntimeInfo {
  std::uint64_t r_debug = 0;
  RuntimeState runtime_state = RuntimeState::kDisabled;
  std::uint32_t ttmp_setup = 0;
};
static_assert(sizeof(RuntimeInfo) == 16 && offsetof(RuntimeInfo, runtime_state) == 8);

struct QueueSnapshotEntry {
  std::uint64_t exception_status = 0;
  std::uint64_t ring_base_address = 0;
  std::uint64_t write_pointer_address = 0;
  std::uint64_t read_pointer_address = 0;
  std::uint64_t ctx_save_restore_address = 0;
  std::uint32_t queue_id = 0;
  std::uint32_t gpu_id = 0;
  std::uint32_t ring_size = 0;  ///< bytes
  QueueKind queue_type = QueueKind::kCompute;
  std::uint32_t ctx_save_restore_area_size = 0;  ///< per XCC
  std::uint32_t reserved = 0;
};
static_assert(sizeof(QueueSnapshotEntry) == 64 &&
              offsetof(QueueSnapshotEntry, ring_base_address) == 8 &&
              offsetof(QueueSnapshotEntry, ctx_save_restore_address) == 32 &&
              offsetof(QueueSnapshotEntry, queue_id) == 40 &&
              offsetof(QueueSnapshotEntry, gpu_id) == 44 &&
              offsetof(QueueSnapshotEntry, ring_size) == 48 &&
              offsetof(QueueSnapshotEntry, queue_type) == 52 &&
              offsetof(QueueSnapshotEntry, ctx_save_restore_area_size) == 56);

/// An entry of GET_DEVICE_SNAPSHOT.
struct DeviceSnapshotEntry {
  std::uint64_t exception_status = 0;
  std::uint64_t lds_base = 0;
  std::uint64_t lds_limit = 0;
  std::uint64_t scratch_base = 0;
  std::uint64_t scratch_limit = 0;
  std::uint64_t gpuvm_base = 0;
  std::uint64_t gpuvm_limit = 0;
  std::uint32_t gpu_id = 0;
  std::uint32_t location_id = 0;
  std::uint32_t vendor_id = 0;
  std::uint32_t device_id = 0;
  std::uint32_t revision_id = 0;
  std::uint32_t subsystem_vendor_id = 0;
  std::uint32_t subsystem_device_id = 0;
  std::uint32_t fw_version = 0;
  std::uint32_t gfx_target_version = 0;
  std::uint32_t simd_count = 0;
  std::uint32_t max_waves_per_simd = 0;
  std::uint32_t array_count = 0;
  std::uint32_t simd_arrays_per_engine = 0;
  std::uint32_t num_xcc = 0;
  std::uint32_t capability = 0;
  std::uint32_t debug_prop = 0;
};
static_assert(sizeof(DeviceSnapshotEntry) == 120 &&
              offsetof(DeviceSnapshotEntry, gpuvm_limit) == 48 &&
              offsetof(DeviceSnapshotEntry, gpu_id) == 56 &&
              offsetof(DeviceSnapshotEntry, device_id) == 68 &&
              offsetof(DeviceSnapshotEntry, gfx_target_version) == 88 &&
              offsetof(DeviceSnapshotEntry, num_xcc) == 108 &&
              offsetof(DeviceSnapshotEntry, debug_prop) == 116);

}  // namespace gpreempt::kfd::abi
