#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "core/ids.h"
#include "core/time.h"

/// The port under the KFD backend: every system call it makes, its workers and its one wait. One
/// implementation calls Linux; another serves the same calls from a model in virtual time. The
/// backend cannot tell which.
///
/// Only the calls marked "Blocks:" may block, and they must not be made under a lock, in a
/// destructor, in a `noexcept` function or in a catch clause. A worker runs until it blocks: no
/// other call lets another worker run first in virtual time.
namespace gpreempt::kfd {

/// A Linux error number (positive, as in errno.h), returned and never left in a global.
struct SysError {
  int number = 0;
  friend constexpr bool operator==(SysError, SysError) = default;
};

template <class T>
using SysResult = tl::expected<T, SysError>;

/// Makes the error side of a `SysResult`, e.g. `sys_fail(EAGAIN)`.
[[nodiscard]] inline tl::unexpected<SysError> sys_fail(int number) {
  return tl::unexpected<SysError>(SysError{number});
}

using Fd = int;
inline constexpr Fd kNoFd = -1;
/// Kernel thread id in the caller's pid namespace. ptrace's parent is a thread, not a process.
using Tid = std::int32_t;
/// A thread of ours, numbered by `Os::spawn`.
using WorkerId = StrongId<struct WorkerTag, std::uint32_t>;

/// One descriptor of `Os::wait`.
struct WaitFd {
  Fd fd = kNoFd;
  bool ready = false;  ///< set by `wait`: readable, at end of file, or (a pidfd) exited
};

struct PipeEnds {
  Fd read = kNoFd;
  Fd write = kNoFd;
};

enum class OpenMode { kRead, kWrite, kReadWrite };

/// Who made a connection, as the kernel noted when it was made.
struct Peer {
  Pid pid;
  std::uint32_t user = 0;
  friend bool operator==(const Peer&, const Peer&) = default;
};

enum class PtraceOp {
  kSeize,       ///< arg: a sum of `PtraceOption`. Does not stop the tracee.
  kCont,        ///< arg: signal to deliver, 0 = none. Tracee must be in a stop.
  kListen,      ///< tracee in a group-stop stays stopped, and SIGCONT still reaches it
  kInterrupt,   ///< makes a running tracee report `kInterruptStop` soon
  kDetach,      ///< arg: signal to deliver, 0 = none. Tracee must be in a stop.
  kGetEvent,    ///< returns the message of the last event stop
  kGetSiginfo,  ///< returns si_code of the signal of the current stop
};

/// Values of PTRACE_O_*. Cloning, forking and killing on exit are absent on purpose.
enum PtraceOption : std::uint64_t {
  kTraceExec = 0x10,
  kTraceExit = 0x40,
};

/// What `Os::poll_child` found.
struct ChildStatus {
  enum class Kind {
    kSignalStop,     ///< about to be given signal `value`: continue with it
    kGroupStop,      ///< stopped by signal `value` as job control does: listen
    kInterruptStop,  ///< answer to `kInterrupt`, or the end of a group-stop
    kExecStop,       ///< has executed a new program: its address space is another one
    kExitStop,       ///< its leader is about to exit; `kGetEvent` has the wait status
    kOtherStop,      ///< an event that was not asked for: continue with 0
    kExited,         ///< gone, exit code `value`
    kKilled,         ///< gone, by signal `value`
  };
  Tid tid = 0;
  Kind kind = Kind::kOtherStop;
  int value = 0;
};

/// A piece of another process's memory and where to copy it.
struct MemoryRange {
  std::uint64_t address = 0;
  std::span<std::byte> into;
};

class Os {
 public:
  Os() = default;
  Os(const Os&) = delete;
  Os& operator=(const Os&) = delete;
  virtual ~Os() = default;

  // ---- time and workers

  /// The clock of `wait`. Never goes backwards.
  [[nodiscard]] virtual Instant now() = 0;

  /// Starts a worker. Never yields to it. Each worker must be joined once. Errors: EAGAIN.
  [[nodiscard]] virtual SysResult<WorkerId> spawn(std::string name, std::function<void()> body) = 0;

  /// Blocks: until the worker's body has returned. Errors: ESRCH (no such worker, or joined).
  virtual SysResult<void> join(WorkerId worker) = 0;

  /// Thread id of the calling worker: what the kernel compares a ptrace parent with.
  [[nodiscard]] virtual Tid self() = 0;

  /// A descriptor that is readable from a `wake` on until it is drained. Errors: EMFILE.
  [[nodiscard]] virtual SysResult<Fd> make_waker() = 0;

  /// Makes a waker readable. From any worker; never blocks, never yields; a wake before the wait is
  /// not lost, several count as one.
  virtual void wake(Fd waker) = 0;

  /// The only wait. Blocks: until a descriptor is readable or `deadline`. Returns how many are
  /// ready, 0 at the deadline; sets `ready` of each. Without descriptors it is a sleep.
  /// Errors: ECANCELED (the world ended; return at once), EBADF.
  [[nodiscard]] virtual SysResult<std::size_t> wait(std::span<WaitFd> fds, Instant deadline) = 0;

  /// Reads and drops everything readable now. On wakers, pipes and `child_events()`.
  virtual void drain(Fd fd) = 0;

  // ---- files

  /// Opens for this process only (close-on-exec, non-blocking).
  [[nodiscard]] virtual SysResult<Fd> open(const std::string& path, OpenMode mode) = 0;
  virtual void close(Fd fd) = 0;
  /// Non-blocking. Returns the bytes read, 0 at end of file. Errors: EAGAIN (nothing there).
  [[nodiscard]] virtual SysResult<std::size_t> read(Fd fd, std::span<std::byte> into) = 0;
  /// Non-blocking. Returns the bytes written. Errors: EAGAIN (full), EPIPE.
  [[nodiscard]] virtual SysResult<std::size_t> write(Fd fd, std::span<const std::byte> from) = 0;
  /// Both ends non-blocking and closed on exec.
  [[nodiscard]] virtual SysResult<PipeEnds> pipe() = 0;

  /// The whole file. Blocks: as long as the file takes to make its text (debugfs reads registers).
  [[nodiscard]] virtual SysResult<std::string> read_file(const std::string& path) = 0;
  /// Names in a folder, sorted, without "." and "..".
  [[nodiscard]] virtual SysResult<std::vector<std::string>> list_dir(const std::string& path) = 0;
  [[nodiscard]] virtual SysResult<std::string> read_link(const std::string& path) = 0;

  // ---- local sockets, which keep messages apart

  /// Makes a socket at `path` that this user and root may connect to; it is readable when somebody
  /// has. Closing it leaves the path behind. Errors: EADDRINUSE (something is there), ENOENT,
  /// EACCES, ENAMETOOLONG (108 bytes).
  [[nodiscard]] virtual SysResult<Fd> listen(const std::string& path) = 0;
  /// The same, but anybody may connect: whoever listens asks `peer_of` whom it serves.
  [[nodiscard]] virtual SysResult<Fd> listen_to_all(const std::string& path) = 0;
  /// The next connection to a listening socket. `read` gives one message of it, cut to the buffer,
  /// or 0 once the other side has closed; `write` sends one. Non-blocking. Errors: EAGAIN.
  [[nodiscard]] virtual SysResult<Fd> accept(Fd listener) = 0;
  /// Never blocks. Errors: ENOENT, ECONNREFUSED (nobody listens), EACCES, EAGAIN (too many wait).
  [[nodiscard]] virtual SysResult<Fd> connect(const std::string& path) = 0;
  /// Whose the other end of a connection is. Errors: ENOTSOCK.
  [[nodiscard]] virtual SysResult<Peer> peer_of(Fd connection) = 0;
  /// Removes a file or a socket's path. Errors: ENOENT, EACCES, EPERM.
  virtual SysResult<void> remove_file(const std::string& path) = 0;

  // ---- driver

  /// Blocks: as long as the driver does; 9 s and more when firmware hangs. `arg` is copied in and,
  /// also on errors, out. Errors: the driver's; EINTR is not retried here.
  [[nodiscard]] virtual SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) = 0;

  // ---- processes

  /// Starts a program as a child of this process, in a process group of its own. `env`
  /// ("NAME=value") is added to our environment. `stopped`: it stops itself with SIGSTOP before it
  /// executes the program and goes on at SIGCONT; a program that cannot be executed then exits with
  /// 127. Blocks: until it executes or has stopped. Errors: those of execve (not when `stopped`),
  /// EAGAIN.
  [[nodiscard]] virtual SysResult<Pid> start(std::span<const std::string> argv,
                                             std::span<const std::string> env, bool stopped) = 0;

  /// The calling worker is the tracer. Never blocks. Errors: ESRCH (gone, not a tracee of this
  /// worker, or not in the stop the operation needs), EPERM.
  [[nodiscard]] virtual SysResult<long> ptrace(PtraceOp op, Tid tid, std::uint64_t arg) = 0;

  /// Takes the next unreported change of one child or tracee; nullopt if there is none. An exit is
  /// reported once, to whoever of this process asks first. Never blocks. Errors: ECHILD.
  [[nodiscard]] virtual SysResult<std::optional<ChildStatus>> poll_child(Tid tid) = 0;

  /// Readable when some child or tracee may have changed. One reader per process: who drains it
  /// hides the change from all others. Owned by the port.
  [[nodiscard]] virtual SysResult<Fd> child_events() = 0;

  /// Readable when the user asked this process to end (SIGINT, SIGTERM, SIGHUP). Records of 128
  /// bytes that begin with the signal number as u32. Call before any `spawn`. Owned by the port.
  [[nodiscard]] virtual SysResult<Fd> signals() = 0;

  /// A descriptor of exactly this process, readable once it has exited. Errors: ESRCH.
  [[nodiscard]] virtual SysResult<Fd> open_pidfd(Pid pid) = 0;
  /// Errors: ESRCH, EPERM.
  virtual SysResult<void> signal(Fd pidfd, int number) = 0;

  /// Copies memory of another process, also what a device driver has mapped there. Returns the
  /// bytes copied, which may end early.
  /// Errors: ESRCH, EPERM, EFAULT (nothing of the first range is mapped).
  [[nodiscard]] virtual SysResult<std::size_t> read_memory(Pid pid,
                                                           std::span<const MemoryRange> ranges) = 0;
};

}  // namespace gpreempt::kfd
