#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// What an actor can be told to do, and what came of it. Plain data: on Linux they cross a socket.
namespace gpreempt::conformance {

enum class OpKind : std::uint32_t {
  // files
  kOpen,
  kClose,
  kStatDevice,
  kChmodDevice,
  kRead,
  kPoll,
  kMmap,
  kListProcesses,
  // ioctls but DBG_TRAP
  kGetVersion,
  kIoctlNumber,
  kGetProcessApertures,
  kCreateQueue,
  kDestroyQueue,
  kGetClockCounters,
  kAcquireVm,
  kSmiEvents,
  kGetQueueWaveState,
  kSetXnackMode,
  kRuntimeEnable,
  // DBG_TRAP
  kEnable,
  kDisable,
  kSendRuntimeEvent,
  kSetExceptionsEnabled,
  kSetWaveLaunchOverride,
  kSetWaveLaunchMode,
  kSuspendQueues,
  kResumeQueues,
  kSetNodeAddressWatch,
  kSetFlags,
  kQueryDebugEvent,
  kQueryExceptionInfo,
  kGetQueueSnapshot,
  kGetDeviceSnapshot,
  kTrapNumber,
  // tracing and life
  kAttach,
  kDetach,
  kReap,
  // told to the stage, not to an actor
  kFork,
  kExec,
  kKill,
  kAnswer,
};

/// Where the pointer among an operation's arguments points.
enum class Place : std::uint32_t { kValid, kNull, kBad, kReadOnly };

/// Which descriptor of its own an actor takes.
enum class FileChoice : std::uint32_t {
  kDevice,    ///< the last /dev/kfd it opened, or inherited
  kReadOnly,  ///< /dev/kfd opened for reading only
  kNotify,    ///< the writing end of its pipe
  kPipe,      ///< the reading end
  kNull,      ///< /dev/null
  kPath,      ///< a place opened with O_PATH
  kClosed,    ///< a number that is not open
  kNone,      ///< -1
};

struct Operation {
  static constexpr std::size_t kMaxIds = 8;

  OpKind kind = OpKind::kOpen;
  std::int32_t pid = 0;          ///< whom it names, by the caller's numbers
  std::uint32_t names_self = 0;  ///< it names the caller instead
  Place place = Place::kValid;
  FileChoice file = FileChoice::kDevice;
  std::uint32_t count = 0;
  std::uint32_t size = 0;
  std::uint32_t mode = 0;
  std::uint32_t gpu = 0;
  std::uint32_t queue = 0;
  std::uint32_t number = 0;
  std::uint32_t magic = 'K';
  std::uint64_t mask = 0;
  std::array<std::uint32_t, kMaxIds> ids{};  ///< the first of `count`
};

struct Answer {
  long result = 0;  ///< or a negative errno
  /// What the operation wrote back, as its entry in the vocabulary names it.
  std::array<std::uint64_t, 2> out{};
  std::uint32_t id_count = 0;
  std::array<std::uint32_t, Operation::kMaxIds> ids{};
};

}  // namespace gpreempt::conformance
