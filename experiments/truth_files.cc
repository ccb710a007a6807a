#include "experiments/truth_files.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "core/ids.h"
#include "experiments/files_os.h"

namespace gpreempt::experiments {

void show(FilesOs& files, const std::vector<ShownProcess>& processes, Pid observer) {
  files.put_link("/proc/self", fmt::format("{}", observer));
  files.put_link("/proc/self/ns/pid", "pid:[4026531836]");
  std::map<std::string, std::string> groups;
  for (const ShownProcess& process : processes) {
    const std::string folder = fmt::format("/proc/{}", process.pid);
    const std::string inner =
        process.inner_pid ? fmt::format("\t{}", *process.inner_pid) : std::string();
    files.put(
        folder + "/status",
        fmt::format("Name:\t{}\nState:\tS (sleeping)\nTgid:\t{}\nPid:\t{}\nPPid:\t{}\n"
                    "TracerPid:\t0\nNSpid:\t{}{}\n",
                    process.name, process.pid, process.pid, process.parent, process.pid, inner));
    files.put(folder + "/comm", process.name + "\n");
    files.put(folder + "/cmdline", process.name + '\0');
    files.put(folder + "/cgroup", "0::" + process.cgroup + "\n");
    files.put(folder + "/environ",
              process.environment.empty() ? std::string() : process.environment + '\0');
    groups[process.cgroup] += fmt::format("{}\n", process.pid);
  }
  for (const auto& [group, members] : groups) {
    files.put("/sys/fs/cgroup" + (group == "/" ? std::string() : group) + "/cgroup.procs", members);
  }
}

std::string runtime_log(Pid pid, const std::vector<unsigned>& ids) {
  constexpr int kDispatches = 3;
  std::string log;
  for (const unsigned id : ids) {
    const unsigned hardware = 0x67e00000U + id * 0x100000U;
    log += fmt::format(
        ":3:rocvirtual.cpp :1234: 177770879738 us: [pid:{} tid:0x7f01] Created SWq=0x{:x} to map "
        "on HWq=0x7f95{:x} with size 16384 with priority 1, cooperative: 0\n",
        pid, 0x5500U + id, hardware);
    for (int i = 0; i < kDispatches; ++i) {
      log += fmt::format(
          ":4:rocvirtual.cpp :5678: 177770880000 us: [pid:{} tid:0x7f01] SWq=0x{:x}, "
          "HWq=0x7f95{:x}, id={}, Dispatch Header = 0xb02 (type=2, barrier=1, acquire=1, "
          "release=1), setup=3, grid=[262144, 1, 1], workgroup=[256, 1, 1], private_seg_size=0, "
          "group_seg_size=0, kernel_obj=0x7f00, kernarg_address=0x7f10, completion_signal=0x0, "
          "correlation_id=0, rptr={}, wptr={}\n",
          pid, 0x5500U + id, hardware, id, i, i);
    }
  }
  return log;
}

}  // namespace gpreempt::experiments
