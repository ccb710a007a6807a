#include "tests/kfd/fake_box.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {
namespace {

constexpr std::string_view kStatus =
    "Name:\tpython3\nState:\tS "
    "(sleeping)\nTgid:\t4711\nTracerPid:\t0\nUid:\t1000\t1000\t1000\t1000\n"
    "NSpid:\t4711\nCapEff:\t000001ffffffffff\nNoNewPrivs:\t0\nSeccomp:\t0\n";

}  // namespace

FakeBox::FakeBox() : ForwardingOs(linux_), ptrace_error_(ESRCH) {
  put("/dev/kfd", "");
  put("/dev/kmsg", "");
  put("/sys/module/amdgpu/version", "6.12.12\n");
  put("/sys/module/amdgpu/taint", "OE\n");
  put(kParameters + "cwsr_enable", "1\n");
  put(kParameters + "mes", "0\n");
  put(kParameters + "sched_policy", "0\n");
  put(kParameters + "queue_preemption_timeout_ms", "9000\n");
  put(kParameters + "halt_if_hws_hang", "0\n");
  put(kParameters + "gpu_recovery", "-1\n");
  put(kParameters + "hws_max_conc_proc", "-1\n");
  put(kParameters + "num_kcq", "-1\n");
  put("/sys/class/kfd/kfd/topology/nodes/0/gpu_id", "0\n");
  put("/sys/class/kfd/kfd/topology/nodes/0/properties", "cpu_cores_count 96\nsimd_count 0\n");
  put(kNode + "/gpu_id", "63420\n");
  put(kNode + "/properties",
      "simd_count 320\nsimd_per_cu 4\ngfx_target_version 90402\ndevice_id 29858\nlocation_id 6656\n"
      "domain 0\nhive_id 0\nnum_cp_queues 24\nmax_engine_clk_fcompute 2100\ncapability 671199872\n"
      "num_xcc 4\n");
  put(kQueues + "4711/queues/0/gpuid", "63420");
  put(kQueues + "4711/queues/1/gpuid", "63420");
  put(kQueues + "4711/vram_63420", "10737418240");
  put(kDevice + "/current_compute_partition", "SPX\n");
  put(kDevice + "/enforce_isolation", "0\n");
  put(kDevice + "/mem_info_vram_total", "206158430208\n");
  put(kDevice + "/mem_info_vram_used", "20615843020\n");
  put("/sys/kernel/debug/kfd/mqds", "");
  put("/sys/fs/cgroup/cgroup.procs", "");
  put("/proc/sys/kernel/osrelease", "6.8.0\n");
  put("/proc/sys/kernel/yama/ptrace_scope", "0\n");
  put("/proc/sys/kernel/dmesg_restrict", "1\n");
  put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu\n");
  put("/proc/self/status", std::string(kStatus));
  put("/proc/self/cgroup", "0::/system.slice/gpreempt.service\n");
  put("/proc/4711/status", std::string(kStatus));
  put("/proc/4711/comm", "python3\n");
  put("/proc/4711/cgroup", "0::/offline\n");
  put("/proc/4711/maps", "7f00-7f01 r-xp 0 0:0 0 /opt/rocm/lib/libhsa-runtime64.so.1\n");
  put("/proc/4711/task/4711/syscall", "running\n");
  put_link("/proc/self/ns/pid", "pid:[4026531836]");
  put_link("/proc/self/ns/cgroup", "cgroup:[4026531835]");
}

void FakeBox::remove(const std::string& path) {
  std::erase_if(files_, [&](const auto& file) {
    return file.first == path || file.first.starts_with(path + "/");
  });
  links_.erase(path);
}

void FakeBox::set_line(const std::string& path, const std::string& key, const std::string& value) {
  std::istringstream lines(files_.at(path));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find_first_of(" :");
    if (line.substr(0, end) != key) {
      text += line + "\n";
    } else if (!value.empty()) {
      text += key + (line[end] == ':' ? ":\t" : " ") + value + "\n";
    }
  }
  files_[path] = text;
}

int FakeBox::error_of(const std::string& path) const {
  const auto found = errors_.find(path);
  return found == errors_.end() ? 0 : found->second;
}

SysResult<Fd> FakeBox::open(const std::string& path, OpenMode /*mode*/) {
  if (const int number = error_of(path); number != 0) {
    return sys_fail(number);
  }
  if (!files_.contains(path)) {
    return sys_fail(ENOENT);
  }
  ++open_files_;
  return 100;
}

void FakeBox::close(Fd /*fd*/) { --open_files_; }

SysResult<std::size_t> FakeBox::read(Fd /*fd*/, std::span<std::byte> /*into*/) {
  return sys_fail(EAGAIN);
}

SysResult<std::string> FakeBox::read_file(const std::string& path) {
  if (const int number = error_of(path); number != 0) {
    return sys_fail(number);
  }
  const auto found = files_.find(path);
  if (found == files_.end()) {
    return sys_fail(ENOENT);
  }
  return found->second;
}

SysResult<std::vector<std::string>> FakeBox::list_dir(const std::string& path) {
  if (const int number = error_of(path); number != 0) {
    return sys_fail(number);
  }
  std::set<std::string> names;
  for (const auto& [file, text] : files_) {
    if (file.starts_with(path + "/")) {
      const std::string rest = file.substr(path.size() + 1);
      names.insert(rest.substr(0, rest.find('/')));
    }
  }
  if (names.empty()) {
    return sys_fail(ENOENT);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

SysResult<std::string> FakeBox::read_link(const std::string& path) {
  const auto found = links_.find(path);
  if (found == links_.end()) {
    return sys_fail(ENOENT);
  }
  return found->second;
}

SysResult<long> FakeBox::ioctl(Fd /*fd*/, std::uint32_t request, void* arg) {
  if (request != abi::kGetVersion) {
    return sys_fail(ENOTTY);
  }
  std::memcpy(arg, &version_, sizeof version_);
  return 0;
}

SysResult<long> FakeBox::ptrace(PtraceOp /*op*/, Tid /*tid*/, std::uint64_t /*arg*/) {
  return sys_fail(ptrace_error_);
}

}  // namespace gpreempt::kfd
