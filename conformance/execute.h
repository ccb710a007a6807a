#pragma once

#include <cstdint>
#include <map>

#include "backends/kfd/os.h"
#include "conformance/operation.h"

namespace gpreempt::conformance {

/// What an actor's operations need besides the port.
class ActorHost {
 public:
  ActorHost() = default;
  ActorHost(const ActorHost&) = delete;
  ActorHost& operator=(const ActorHost&) = delete;
  virtual ~ActorHost() = default;

  [[nodiscard]] virtual kfd::Os& os() = 0;
  /// The process' number as it sees it.
  [[nodiscard]] virtual std::int32_t own_pid() = 0;
  /// Permissions of /dev/kfd.
  [[nodiscard]] virtual kfd::SysResult<std::uint32_t> device_mode() = 0;
  [[nodiscard]] virtual kfd::SysResult<long> set_device_mode(std::uint32_t mode) = 0;
  /// Maps a page of a descriptor, and unmaps it again.
  [[nodiscard]] virtual kfd::SysResult<long> map(kfd::Fd fd) = 0;
  /// Opens a place with O_PATH.
  [[nodiscard]] virtual kfd::SysResult<kfd::Fd> open_path() = 0;
};

/// The descriptors of an actor's process; both of its threads use them.
struct ActorFiles {
  std::map<FileChoice, kfd::Fd> open;
};

/// Does what an actor is told, on the calling thread.
/// Blocks: as long as the driver does.
[[nodiscard]] Answer execute(ActorHost& host, ActorFiles& files, const Operation& operation);

// Its parts, each for operations of one kind.
[[nodiscard]] Answer execute_file(ActorHost& host, ActorFiles& files, const Operation& operation);
[[nodiscard]] Answer execute_ioctl(ActorHost& host, ActorFiles& files, const Operation& operation);
[[nodiscard]] Answer execute_trap(ActorHost& host, ActorFiles& files, const Operation& operation);
[[nodiscard]] Answer execute_tracing(ActorHost& host, const Operation& operation);

/// The descriptor that an operation takes, opened now if that is what its choice means.
[[nodiscard]] kfd::Fd file_of(ActorHost& host, ActorFiles& files, FileChoice choice);
/// Where an operation's pointer points; `valid` if it points to something.
[[nodiscard]] std::uint64_t address_of(Place place, const void* valid);
[[nodiscard]] long result_of(const kfd::SysResult<long>& result);

}  // namespace gpreempt::conformance
