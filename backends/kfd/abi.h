#pragma once

#include <cstddef>
#include <cstdint>

/// The part of the KFD ioctl ABI this backend speaks. Written from the kernel's documented layout,
/// not copied from its header; names without the kernel's prefixes. x86-64 and other 64-bit ABIs.
/// Source: include/uapi/linux/kfd_ioctl.h (6.12), numbers checked below.
namespace gpreempt::kfd::abi {

// ---- request numbers

/// _IOC of asm-generic: direction, size, type and number.
[[nodiscard]] constexpr std::uint32_t encode(std::uint32_t direction, std::size_t size,
                                             std::uint32_t number) {
  constexpr std::uint32_t kMagic = 'K';
  return (direction << 30U) | (static_cast<std::uint32_t>(size) << 16U) | (kMagic << 8U) | number;
}
inline constexpr std::uint32_t kRead = 2;
inline constexpr std::uint32_t kReadWrite = 3;

struct Version {
  std::uint32_t major_version = 0;
  std::uint32_t minor_version = 0;
};
static_assert(sizeof(Version) == 8);

/// DBG_TRAP needs at least this minor version of major 1.
inline constexpr std::uint32_t kVersionMajor = 1;
inline constexpr std::uint32_t kVersionMinorDbgTrap = 13;

// ---- DBG_TRAP

enum class TrapOp : std::uint32_t {
  kEnable = 0,
  kDisable = 1,
  kSendRuntimeEvent = 2,
  kSetExceptionsEnabled = 3,
  kSuspendQueues = 6,
  kResumeQueues = 7,
  kQueryDebugEvent = 11,
  kGetQueueSnapshot = 13,
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

struct TrapQueryEvent {
  std::uint64_t exception_mask;  ///< in: bits to clear, out: bits that were set
  std::uint32_t gpu_id;
  std::uint32_t queue_id;
};

struct TrapQueueSnapshot {
  std::uint64_t exception_mask;  ///< bits to clear on the entries filled
  std::uint64_t snapshot_buf_ptr;
  std::uint32_t num_queues;  ///< in: capacity, out: queues there are
  std::uint32_t entry_size;  ///< in: stride, out: bytes filled of each
};

struct TrapArgs {
  std::uint32_t pid = 0;
  TrapOp op = TrapOp::kEnable;
  union {
    std::uint64_t raw[3] = {0, 0, 0};
    TrapEnable enable;
    TrapSendRuntimeEvent send_runtime_event;
    TrapSetExceptions set_exceptions;
    TrapSuspend suspend;
    TrapResume resume;
    TrapQueryEvent query_event;
    TrapQueueSnapshot snapshot;
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

inline constexpr std::uint32_t kGetVersion = encode(kRead, sizeof(Version), 0x01);
inline constexpr std::uint32_t kDbgTrap = encode(kReadWrite, sizeof(TrapArgs), 0x26);
static_assert(kGetVersion == 0x80084b01);
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

enum class QueueKind : std::uint32_t {
  kCompute = 0,
  kSdma = 1,
  kComputeAql = 2,
  kSdmaXgmi = 3,
  kSdmaByEngine = 4,
};

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

}  // namespace gpreempt::kfd::abi
