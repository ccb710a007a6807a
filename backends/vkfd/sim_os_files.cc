#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/whole_number.h"
#include "backends/vkfd/file_tree.h"
#include "backends/vkfd/kernel_log_file.h"
#include "backends/vkfd/kfd_proc_files.h"
#include "backends/vkfd/open_file.h"
#include "backends/vkfd/process_table.h"
#include "backends/vkfd/ring_memory.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"

/// Files and processes of the port.
namespace gpreempt::vkfd {

using kfd::Fd;
using kfd::MemoryRange;
using kfd::OpenMode;
using kfd::PipeEnds;
using kfd::PtraceOp;
using kfd::sys_fail;
using kfd::SysResult;
using kfd::Tid;

namespace {

/// "/proc/NUMBER/FILE" of a process or thread, or "/proc/self/FILE".
struct ProcPath {
  Tid thread = 0;
  std::string_view file;
};
std::optional<ProcPath> proc_path(std::string_view path, Pid self) {
  constexpr std::string_view kFolder = "/proc/";
  if (!path.starts_with(kFolder)) {
    return std::nullopt;
  }
  path.remove_prefix(kFolder.size());
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view who = path.substr(0, slash);
  const auto thread = who == "self" ? self.value() : kfd::whole_number<Tid>(who);
  return thread ? std::optional(ProcPath{.thread = *thread, .file = path.substr(slash + 1)})
                : std::nullopt;
}

}  // namespace

// ---- files

bool SimOs::may_look_at(const std::string& path) const {
  return user_ == 0 || !is_in_debugfs(path);
}

SysResult<Fd> SimOs::open(const std::string& path, OpenMode mode) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  if (path == "/dev/kfd") {
    constexpr std::uint32_t kForOthers = 06;
    if (user_ != 0 && (machine_.device_mode() & kForOthers) != kForOthers) {
      return sys_fail(EACCES);
    }
    machine_.system().kfd().open_device(pid_);
    return add(std::make_shared<DriverFile>(pid_));
  }
  if (path == "/dev/kmsg") {
    return user_ == 0 ? SysResult<Fd>(add(std::make_shared<KernelLogFile>(machine_.kernel_log())))
                      : sys_fail(EPERM);
  }
  if (path == "/dev/null") {
    return add(std::make_shared<NullFile>());
  }
  if (!may_look_at(path)) {
    return sys_fail(EACCES);
  }
  auto text = machine_.files().read(path);
  if (!text) {
    return tl::unexpected<kfd::SysError>(text.error());
  }
  if (mode != OpenMode::kRead) {
    return sys_fail(EACCES);
  }
  return add(std::make_shared<TextFile>(*std::move(text)));
}

void SimOs::close(Fd fd) {
  if (find(fd) != nullptr) {
    files_[static_cast<std::size_t>(fd)] = nullptr;
  }
}

SysResult<std::size_t> SimOs::read(Fd fd, std::span<std::byte> into) {
  OpenFile* const file = find(fd);
  if (file == nullptr) {
    return sys_fail(dead_ ? ECANCELED : EBADF);
  }
  return file->read(into);
}

SysResult<std::size_t> SimOs::write(Fd fd, std::span<const std::byte> from) {
  OpenFile* const file = find(fd);
  if (file == nullptr) {
    return sys_fail(dead_ ? ECANCELED : EBADF);
  }
  return file->write(from);
}

SysResult<PipeEnds> SimOs::pipe() {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  const auto buffer = std::make_shared<PipeBuffer>();
  const Fd reader = add(std::make_shared<PipeReader>(buffer));
  return PipeEnds{.read = reader, .write = add(std::make_shared<PipeWriter>(buffer))};
}

SysResult<std::string> SimOs::read_file(const std::string& path) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  if (auto text = read_kfd_proc(machine_.system(), path)) {
    return *std::move(text);
  }
  if (const auto found = proc_path(path, pid_)) {
    return machine_.processes().proc_file(machine_.process_of(found->thread), found->file);
  }
  return may_look_at(path) ? machine_.files().read(path) : sys_fail(EACCES);
}

SysResult<std::vector<std::string>> SimOs::list_dir(const std::string& path) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  if (path == "/proc") {
    std::vector<std::string> names;
    for (const Pid pid : machine_.processes().pids()) {
      names.push_back(fmt::format("{}", pid));
    }
    std::ranges::sort(names);
    return names;
  }
  if (auto names = list_kfd_proc(machine_.system(), path)) {
    return *std::move(names);
  }
  return may_look_at(path) ? machine_.files().list(path) : sys_fail(EACCES);
}

SysResult<std::string> SimOs::read_link(const std::string& path) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  if (path == "/proc/self") {
    return fmt::format("{}", local_pid());
  }
  // PROC_PID_INIT_INO and PROC_CGROUP_INIT_INO of include/linux/proc_ns.h, and one of its own.
  if (path == "/proc/self/ns/pid") {
    return std::string(apart_ ? "pid:[4026532001]" : "pid:[4026531836]");
  }
  if (path == "/proc/self/ns/cgroup") {
    return std::string("cgroup:[4026531835]");
  }
  // There are no other links: what is there is something else.
  const auto text = machine_.files().read(path);
  return sys_fail(!text && text.error().number == ENOENT ? ENOENT : EINVAL);
}

// ---- processes

SysResult<Pid> SimOs::start(std::span<const std::string> argv, std::span<const std::string> env,
                            bool stopped) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  if (argv.empty()) {
    return sys_fail(EINVAL);
  }
  const std::string name = argv.front().substr(argv.front().rfind('/') + 1);
  if (const auto* const installed = machine_.installed(name); installed != nullptr && !stopped) {
    const auto pid =
        (*installed)({.argv = {argv.begin(), argv.end()}, .env = {env.begin(), env.end()}});
    if (pid) {
      machine_.processes().adopt(*pid, pid_);
    }
    return pid;
  }
  const auto program = find_built_in(argv);
  if (!program && !stopped) {
    return sys_fail(ENOENT);
  }
  return machine_.processes().start(pid_, program, stopped);
}

SysResult<long> SimOs::ptrace(PtraceOp op, Tid tid, std::uint64_t arg) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  return machine_.processes().trace(caller(), op, Pid(tid), arg);
}

SysResult<std::optional<kfd::ChildStatus>> SimOs::poll_child(Tid tid) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  return machine_.processes().poll(pid_, Pid(tid));
}

SysResult<Fd> SimOs::open_pidfd(Pid pid) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  const auto exited = machine_.processes().exited(pid);
  if (!exited) {
    return tl::unexpected<kfd::SysError>(exited.error());
  }
  return add(std::make_shared<ProcessFile>(pid, *exited));
}

SysResult<void> SimOs::signal(Fd pidfd, int number) {
  const auto file = find_as<ProcessFile>(pidfd);
  if (file == nullptr) {
    return sys_fail(dead_ ? ECANCELED : EBADF);
  }
  return machine_.processes().signal(file->pid(), number);
}

SysResult<std::size_t> SimOs::read_memory(Pid pid, std::span<const MemoryRange> ranges) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  if (const auto read = read_ring_memory(machine_.system(), pid, ranges)) {
    return *read;
  }
  return machine_.processes().read_memory(pid, ranges);
}

void SimOs::child_changed() { wake(child_events_); }

void SimOs::process_exited(Pid pid) {
  for (const File& file : files_) {
    if (auto* const process = dynamic_cast<ProcessFile*>(file.get());
        process != nullptr && process->pid() == pid) {
      process->process_exited();
    }
  }
}

}  // namespace gpreempt::vkfd
