#include "experiments/files_os.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::experiments {
namespace {

using kfd::Fd;
using kfd::sys_fail;
using kfd::SysResult;

/// Adds the first part of each path below `folder`.
void add_names(const std::map<std::string, std::string>& paths, const std::string& folder,
               std::set<std::string>& names) {
  const std::string begin = folder + "/";
  for (auto at = paths.lower_bound(begin); at != paths.end() && at->first.starts_with(begin);
       ++at) {
    const std::string rest = at->first.substr(begin.size());
    names.insert(rest.substr(0, rest.find('/')));
  }
}

}  // namespace

SysResult<std::string> FilesOs::read_file(const std::string& path) {
  const auto file = files_.find(path);
  if (file == files_.end()) {
    return sys_fail(ENOENT);
  }
  return file->second;
}

SysResult<std::vector<std::string>> FilesOs::list_dir(const std::string& path) {
  std::set<std::string> names;
  add_names(files_, path, names);
  add_names(links_, path, names);
  if (names.empty()) {
    return sys_fail(ENOENT);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

SysResult<std::string> FilesOs::read_link(const std::string& path) {
  const auto link = links_.find(path);
  if (link == links_.end()) {
    return sys_fail(ENOENT);
  }
  return link->second;
}

SysResult<kfd::WorkerId> FilesOs::spawn(std::string /*name*/, std::function<void()> /*body*/) {
  return sys_fail(ENOSYS);
}
SysResult<void> FilesOs::join(kfd::WorkerId /*worker*/) { return sys_fail(ENOSYS); }
SysResult<Fd> FilesOs::make_waker() { return sys_fail(ENOSYS); }
void FilesOs::wake(Fd /*waker*/) {}
SysResult<std::size_t> FilesOs::wait(std::span<kfd::WaitFd> /*fds*/, Instant /*deadline*/) {
  return sys_fail(ENOSYS);
}
void FilesOs::drain(Fd /*fd*/) {}
SysResult<Fd> FilesOs::open(const std::string& /*path*/, kfd::OpenMode /*mode*/) {
  return sys_fail(ENOSYS);
}
void FilesOs::close(Fd /*fd*/) {}
SysResult<std::size_t> FilesOs::read(Fd /*fd*/, std::span<std::byte> /*into*/) {
  return sys_fail(ENOSYS);
}
SysResult<std::size_t> FilesOs::write(Fd /*fd*/, std::span<const std::byte> /*from*/) {
  return sys_fail(ENOSYS);
}
SysResult<kfd::PipeEnds> FilesOs::pipe() { return sys_fail(ENOSYS); }
SysResult<Fd> FilesOs::listen(const std::string& /*path*/) { return sys_fail(ENOSYS); }
SysResult<Fd> FilesOs::listen_to_all(const std::string& /*path*/) { return sys_fail(ENOSYS); }
SysResult<Fd> FilesOs::accept(Fd /*listener*/) { return sys_fail(ENOSYS); }
SysResult<Fd> FilesOs::connect(const std::string& /*path*/) { return sys_fail(ENOSYS); }
SysResult<kfd::Peer> FilesOs::peer_of(Fd /*connection*/) { return sys_fail(ENOSYS); }
SysResult<void> FilesOs::remove_file(const std::string& /*path*/) { return sys_fail(ENOSYS); }
SysResult<long> FilesOs::ioctl(Fd /*fd*/, std::uint32_t /*request*/, void* /*arg*/) {
  return sys_fail(ENOSYS);
}
SysResult<Pid> FilesOs::start(std::span<const std::string> /*argv*/,
                              std::span<const std::string> /*env*/, bool /*stopped*/) {
  return sys_fail(ENOSYS);
}
SysResult<long> FilesOs::ptrace(kfd::PtraceOp /*op*/, kfd::Tid /*tid*/, std::uint64_t /*arg*/) {
  return sys_fail(ENOSYS);
}
SysResult<std::optional<kfd::ChildStatus>> FilesOs::poll_child(kfd::Tid /*tid*/) {
  return sys_fail(ENOSYS);
}
SysResult<Fd> FilesOs::child_events() { return sys_fail(ENOSYS); }
SysResult<Fd> FilesOs::signals() { return sys_fail(ENOSYS); }
SysResult<Fd> FilesOs::open_pidfd(Pid /*pid*/) { return sys_fail(ENOSYS); }
SysResult<void> FilesOs::signal(Fd /*pidfd*/, int /*number*/) { return sys_fail(ENOSYS); }
SysResult<std::size_t> FilesOs::read_memory(Pid /*pid*/,
                                            std::span<const kfd::MemoryRange> /*ranges*/) {
  return sys_fail(ENOSYS);
}

}  // namespace gpreempt::experiments
