// The doctor. Goal: each check notices what it is for, and says what to do; on a machine where
// nothing is wrong nothing is said. Method: a machine in memory, and one thing made wrong at a
// time.
#include "backends/kfd/doctor/doctor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/kfd/fake_box.h"

namespace gpreempt::kfd::doctor {
namespace {

/// One thing that is wrong, and what is said about it.
struct Illness {
  std::string id;
  Verdict verdict;
  std::function<void(FakeBox& box)> cause;
  std::string reason;  ///< part of it
  std::string fix;     ///< part of it
};

void PrintTo(const Illness& illness, std::ostream* out) {
  *out << illness.id << ": " << illness.reason;
}

std::function<void(FakeBox&)> put(const std::string& path, const std::string& text) {
  return [=](FakeBox& box) { box.put(path, text); };
}
std::function<void(FakeBox&)> refuse(const std::string& path, int number) {
  return [=](FakeBox& box) { box.fail(path, number); };
}
std::function<void(FakeBox&)> missing(const std::string& path) {
  return [=](FakeBox& box) { box.remove(path); };
}
std::function<void(FakeBox&)> parameter(const std::string& name, const std::string& value) {
  return put(FakeBox::kParameters + name, value + "\n");
}
std::function<void(FakeBox&)> property(const std::string& key, const std::string& value) {
  return [=](FakeBox& box) { box.set_line(FakeBox::kNode + "/properties", key, value); };
}
std::function<void(FakeBox&)> status(const std::string& who, const std::string& key,
                                     const std::string& value) {
  return [=](FakeBox& box) { box.set_line("/proc/" + who + "/status", key, value); };
}
/// The kernel's own driver of a release.
std::function<void(FakeBox&)> release(const std::string& text) {
  return [=](FakeBox& box) {
    box.remove("/sys/module/amdgpu/version");
    box.put("/sys/module/amdgpu/taint", "\n");
    box.put("/proc/sys/kernel/osrelease", text + "\n");
  };
}
std::function<void(FakeBox&)> both(std::function<void(FakeBox&)> first,
                                   std::function<void(FakeBox&)> second) {
  return [=](FakeBox& box) {
    first(box);
    second(box);
  };
}

constexpr auto kB = Verdict::kBlocked;
constexpr auto kW = Verdict::kWarning;
constexpr auto kU = Verdict::kUnknown;
constexpr auto kN = Verdict::kNote;
const std::string kNoCapability = "0000000000000000";

std::vector<Illness> driver_illnesses() {
  const std::string taint = "/sys/module/amdgpu/taint";
  return {
      {"kfd-device", kB, missing("/dev/kfd"), "there is no such file", "modprobe amdgpu"},
      {"kfd-device", kB, refuse("/dev/kfd", ENXIO), "no driver serves it", "modprobe amdgpu"},
      {"kfd-access", kB, refuse("/dev/kfd", EACCES), "EACCES", "usermod -aG render"},
      {"kfd-access", kB, refuse("/dev/kfd", EPERM), "device cgroup", "--device /dev/kfd"},
      {"kfd-access", kU, missing("/dev/kfd"), "not asked", "kfd-device"},
      {"kfd-without-gpu", kB, refuse("/dev/kfd", EINVAL), "EINVAL", "--backend vkfd"},
      {"kfd-version", kB,
       [](FakeBox& box) { box.set_version({.major_version = 1, .minor_version = 12}); }, "1.12",
       "Linux 6.5"},
      {"kfd-version", kU, refuse("/dev/kfd", EACCES), "not asked", "kfd-access"},
      {"amdgpu-module", kB, missing("/sys/module/amdgpu"), "/sys/module/amdgpu", "modprobe amdgpu"},
      {"personality", kW, put("/sys/module/amdgpu/version", "6.10.5\n"), "6.10.5", "conformance"},
      {"personality", kN, release("6.8.0-45-generic"), "upstream-6.12.95", "conformance"},
      {"personality", kN, release("6.12.117"), "upstream-6.12.107", "conformance"},
      {"personality", kN, release("7.3.4"), "upstream-7.3", "conformance"},
      {"personality", kW, release("6.12.100-1"), "between two", "conformance"},
      {"personality", kW, release("6.16.3"), "between two", "conformance"},
      {"personality", kW, release("5.10.134-19.1.al8"), "older", "Linux 6.5"},
      {"personality", kU, release("mine"), "no version", "conformance"},
      {"personality", kU,
       both(missing("/sys/module/amdgpu/version"), missing("/proc/sys/kernel/osrelease")),
       "can be read", "mount /proc"},
      {"driver-patches", kW, put("/sys/kernel/debug/kfd/scheduler_stats", ""), "scheduler_stats",
       "reinstall"},
      {"driver-patches", kW, put("/sys/module/amdgpu/version", "6.12.12_preempt\n"),
       "6.12.12_preempt", "reinstall"},
      {"driver-patches", kW, both(release("6.12.95"), put(taint, "O\n")), "own build", "reinstall"},
      {"driver-patches", kU, missing(taint), taint, "conformance"},
      {"pc-sampling", kU, [](FakeBox&) {}, "EBUSY", "pgrep"},
      {"pc-sampling", kU,
       both(release("7.3.4"),
            [](FakeBox& box) { box.set_version({.major_version = 1, .minor_version = 23}); }),
       "EBUSY", "pgrep"},
      {"cwsr", kB, parameter("cwsr_enable", "0"), "is 0", "cwsr_enable=1"},
      {"cwsr", kU, missing(FakeBox::kParameters + "cwsr_enable"), "no such file", "amdgpu-module"},
      {"cwsr", kU, parameter("cwsr_enable", "yes"), "no number", "amdgpu-module"},
      {"mes", kW, parameter("mes", "1"), "MES", "mes=0"},
      {"sched-policy", kB, parameter("sched_policy", "2"), "EINVAL", "sched_policy=0"},
      {"sched-policy", kW, parameter("sched_policy", "1"), "EPERM", "sched_policy=0"},
      {"preemption-timeout", kW, parameter("queue_preemption_timeout_ms", "10"), "is 10", "9000"},
      {"preemption-timeout", kW, parameter("queue_preemption_timeout_ms", "60000"), "60000",
       "9000"},
      {"halt-on-hang", kB, parameter("halt_if_hws_hang", "1"), "is 1", "echo 0 | sudo tee"},
      {"gpu-recovery", kW, parameter("gpu_recovery", "0"), "is 0", "gpu_recovery=-1"},
      {"process-limit", kW, parameter("hws_max_conc_proc", "1"), "is 1", "hws_max_conc_proc=-1"},
  };
}

void add_second_gpu(FakeBox& box, const std::string& hive) {
  const std::string node = "/sys/class/kfd/kfd/topology/nodes/2";
  box.put(node + "/properties", box.read_file(FakeBox::kNode + "/properties").value());
  box.put(node + "/gpu_id", "61531\n");
  box.set_line(node + "/properties", "hive_id", hive);
  box.set_line(FakeBox::kNode + "/properties", "hive_id", hive);
}

std::vector<Illness> gpu_illnesses() {
  const std::string device = FakeBox::kDevice;
  return {
      {"gpus", kB, missing("/sys/class/kfd"), "topology", "--device /dev/dri"},
      {"gpus", kB, missing(FakeBox::kNode), "none is a GPU", "--device /dev/dri"},
      {"gpus", kB, refuse(FakeBox::kNode + "/properties", EPERM), "none is a GPU", "/dev/dri"},
      {"gpus", kB, put(FakeBox::kNode + "/properties", "simd_count\n"), ":1:1:", "report"},
      {"gpus", kB, property("num_cp_queues", ""), "num_cp_queues", "report"},
      {"gpus", kN, [](FakeBox& box) { add_second_gpu(box, "0"); }, "2 GPUs: f7bc f05b", "renderDN"},
      {"hqd-slots", kW, property("num_cp_queues", "17"), "num_cp_queues 17", "CP Pipe"},
      {"hqd-slots", kW, parameter("num_kcq", "12"), "num_kcq 12", "num_kcq=8"},
      {"hqd-slots", kU, missing(FakeBox::kParameters + "num_kcq"), "num_kcq", "topology"},
      {"debug-firmware", kB, property("capability", "134328960"), "0x20000000", "firmware"},
      {"debug-firmware", kB, property("capability", "536870912"), "0x8000", "MI200"},
      {"debug-firmware", kU, property("capability", ""), "no capability", "topology"},
      {"gfx-target", kB, property("gfx_target_version", "80003"), "ENODEV", "MI200"},
      {"gfx-target", kW, property("gfx_target_version", "90008"), "one debugged", "one Offline"},
      {"gfx-target", kW, property("gfx_target_version", "100300"), "gfx10", "MI200"},
      {"gfx-target", kW, property("gfx_target_version", "110000"), "MES", "MI200"},
      {"gfx-target", kU, property("gfx_target_version", ""), "no gfx_target", "topology"},
      {"hive", kN, [](FakeBox& box) { add_second_gpu(box, "77"); }, "2 nodes", "nobody else's"},
      {"other-processes", kN, put(FakeBox::kQueues + "99/queues/0/gpuid", "63420"), "99 (1 queues)",
       "ps -o"},
      {"other-processes", kU, missing("/sys/class/kfd/kfd/proc"), "kfd/proc", "fuser"},
      {"partition", kN, put(device + "/current_compute_partition", "CPX\n"), "CPX", "cpx"},
      {"partition", kU, put(device + "/current_compute_partition", "UNKNOWN\n"), "UNKNOWN",
       "available_compute_partition"},
      {"partition", kU, missing(device), "no such file", "/sys of the host"},
      {"isolation", kW, put(device + "/enforce_isolation", "0 1\n"), "0 1",
       "`echo 0 0 | sudo tee " + device},
      {"isolation", kW,
       both(missing(device + "/enforce_isolation"), parameter("enforce_isolation", "1")), "is 1",
       "modprobe.d"},
      {"isolation", kU, missing(device + "/enforce_isolation"), "no such file", "ls"},
      {"sriov", kW, property("device_id", "29878"), "0x74b6", "to itself"},
      {"sriov", kW, put(device + "/physfn/vendor", ""), "physfn", "to itself"},
      {"sriov", kW, put(device + "/sriov_numvfs", "4\n"), "is 4", "echo 0"},
      {"sriov", kU, property("device_id", ""), "no device_id", "lspci -s 0000:1a:00.0"},
      {"vram", kW, put(device + "/mem_info_vram_used", "200000000000\n"), "5.7 of 192.0 GiB",
       "fuser"},
      {"vram", kU, missing(device + "/mem_info_vram_used"), "no such file", "amd-smi"},
  };
}

std::vector<Illness> permission_illnesses() {
  const auto weak = status("self", "CapEff", kNoCapability);
  const std::string scope = "/proc/sys/kernel/yama/ptrace_scope";
  const std::string groups = "/proc/self/cgroup";
  const auto filtered = status("self", "Seccomp", "2");
  const std::string mqds = "/sys/kernel/debug/kfd/mqds";
  return {
      {"ptrace-scope", kB, both(weak, put(scope, "1\n")), "own children", "ptrace_scope=0"},
      {"ptrace-scope", kB, both(weak, put(scope, "2\n")), "nobody", "cap_sys_ptrace"},
      {"ptrace-scope", kB, put(scope, "3\n"), "until a reboot", "sysctl.d"},
      {"ptrace-scope", kU, refuse(scope, EACCES), scope, "mount /proc"},
      {"ptrace-capability", kN, weak, "lacks CAP_SYS_PTRACE", "SYS_PTRACE"},
      {"ptrace-capability", kU, missing("/proc/self/status"), "CapEff", "mount /proc"},
      {"seccomp", kB, both(filtered, [](FakeBox& box) { box.fail_ptrace(EPERM); }),
       "refuses ptrace", "seccomp=unconfined"},
      {"seccomp", kU, missing("/proc/self/status"), "/proc/self/status", "mount /proc"},
      {"seccomp", kU, status("self", "Seccomp", ""), "no Seccomp", "mount /proc"},
      {"new-privileges", kN, both(weak, status("self", "NoNewPrivs", "1")), "NoNewPrivs",
       "no-new-privileges"},
      {"kernel-log", kB, missing("/dev/kmsg"), "there is no such file", "--device=/dev/kmsg"},
      {"kernel-log", kB, refuse("/dev/kmsg", EACCES), "keeps this user out", "chmod a+r"},
      {"kernel-log", kB, both(refuse("/dev/kmsg", EPERM), status("self", "CapEff", kNoCapability)),
       "dmesg_restrict is 1, and this process lacks CAP_SYSLOG", "--cap-add=SYSLOG"},
      {"kernel-log", kB, refuse("/dev/kmsg", EPERM), "has CAP_SYSLOG, so that its device cgroup",
       "--device=/dev/kmsg"},
      {"kernel-log", kB,
       both(refuse("/dev/kmsg", EPERM), both(put("/proc/sys/kernel/dmesg_restrict", "0\n"),
                                             status("self", "CapEff", kNoCapability))),
       "dmesg_restrict is 0, so that its device cgroup", "--device=/dev/kmsg"},
      {"kernel-log", kB,
       both(refuse("/dev/kmsg", EPERM), both(refuse("/proc/sys/kernel/dmesg_restrict", EACCES),
                                             status("self", "CapEff", kNoCapability))),
       "why cannot be told: /proc/sys/kernel/dmesg_restrict: Permission denied, and this process "
       "lacks CAP_SYSLOG",
       "mount /proc"},
      {"kernel-log", kB, both(refuse("/dev/kmsg", EPERM), missing("/proc/self/status")),
       "why cannot be told: kernel.dmesg_restrict is 1, and /proc/self/status has no CapEff",
       "--cap-add=SYSLOG"},
      {"kernel-log", kB,
       both(refuse("/dev/kmsg", EPERM),
            both(put("/proc/sys/kernel/dmesg_restrict", "0\n"), missing("/proc/self/status"))),
       "dmesg_restrict is 0, so that its device cgroup", "--device=/dev/kmsg"},
      {"kernel-log", kB, refuse("/dev/kmsg", EIO), "would go unseen", "dmesg"},
      {"debugfs", kW, refuse(mqds, EACCES), "only root", "remount"},
      {"debugfs", kW, missing("/sys/kernel/debug"), "not mounted", "mount -t debugfs"},
      {"debugfs", kW, both(missing(mqds), put("/sys/kernel/debug/x", "")), "no such file",
       "modprobe"},
      {"pid-namespace", kW,
       [](FakeBox& box) { box.put_link("/proc/self/ns/pid", "pid:[4026532000]"); }, "its own",
       "--pid=host"},
      {"pid-namespace", kU, missing("/proc/self/ns/pid"), "cannot be read", "mount /proc"},
      {"container", kN, put("/.dockerenv", ""), "/.dockerenv", "--device /dev/kfd"},
      {"container", kN, put(groups, "0::/kubepods.slice/x\n"), "kubepods", "SYS_PTRACE"},
      {"container", kU, missing(groups), groups, "mount /proc"},
      {"processor", kW, put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\n"), "GenuineIntel",
       "GPU_MAX_HW_QUEUES"},
      {"processor", kU, missing("/proc/cpuinfo"), "/proc/cpuinfo", "mount /proc"},
      {"outside-watchdog", kW, refuse("/sys/fs/cgroup/cgroup.procs", EACCES), "no cgroup.procs",
       "systemd-run"},
      {"outside-watchdog", kW,
       both(put(groups, "0::/\n"),
            [](FakeBox& box) { box.put_link("/proc/self/ns/cgroup", "cgroup:[4026532001]"); }),
       "outside of this container", "--cgroupns=host"},
      {"outside-watchdog", kU, put(groups, "1:name=systemd:/\n"), "frozen", "mount /proc"},
  };
}

std::vector<Illness> target_illnesses() {
  const auto weak = status("self", "CapEff", kNoCapability);
  const std::string maps = "/proc/4711/maps";
  const auto without_queues = missing(FakeBox::kQueues + "4711/queues");
  return {
      {"target", kB, missing("/proc/4711"), "/proc/4711/status", "NSpid"},
      {"target", kB, status("4711", "Tgid", "4700"), "thread of 4700", "--pid 4700"},
      {"target", kB, status("4711", "State", "Z (zombie)"), "ended", "start it"},
      {"target-owner", kB, both(weak, status("4711", "Uid", "0\t0\t0\t0")), "not ours", "root"},
      {"target-owner", kU, both(weak, status("4711", "Uid", "")), "Uid", "root"},
      {"target-debugger", kB,
       both(status("4711", "TracerPid", "800"), put("/proc/800/comm", "gdb\n")), "800 (gdb)",
       "kill 800"},
      {"target-debugger", kU, status("4711", "TracerPid", ""), "no TracerPid", "mount /proc"},
      {"target-runtime", kN, without_queues, "0 queues", "begin its work"},
      {"target-runtime", kW, put(maps, "\n"), "no libhsa-runtime64", "RUNTIME_ENABLE"},
      {"target-runtime", kW, both(put(maps, "\n"), without_queues), "does not use",
       "pgrep -P 4711"},
      {"target-runtime", kU, refuse(maps, EACCES), maps, "root"},
      {"target-handshake", kW, put("/proc/4711/task/4711/syscall", "16 0x3 0xc0104b25 0x7f\n"),
       "RUNTIME_ENABLE", "gpreempt rescue 4711"},
      {"target-handshake", kU, missing("/proc/4711/task"), "syscall", "root"},
      {"target-cgroup", kN, put("/proc/4711/cgroup", "0::/system.slice/gpreempt.service\n"),
       "this process's group", "systemd-run"},
      {"target-cgroup", kU, missing("/proc/4711/cgroup"), "/proc/4711/cgroup", "mount /proc"},
  };
}

std::vector<Illness> illnesses() {
  std::vector<Illness> all;
  for (const auto& group :
       {driver_illnesses(), gpu_illnesses(), permission_illnesses(), target_illnesses()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

std::vector<Finding> look_at(FakeBox& box) { return examine(box, {.pid = FakeBox::kTarget}); }

std::optional<Finding> find(const std::vector<Finding>& findings, const std::string& id) {
  const auto found = std::ranges::find(findings, id, &Finding::id);
  return found == findings.end() ? std::nullopt : std::optional(*found);
}

class DoctorCheck : public ::testing::TestWithParam<Illness> {};

TEST_P(DoctorCheck, NoticesAndSaysWhatToDo) {
  const Illness& illness = GetParam();
  FakeBox box;
  illness.cause(box);
  const auto finding = find(look_at(box), illness.id);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->verdict, illness.verdict) << finding->reason;
  EXPECT_NE(finding->reason.find(illness.reason), std::string::npos) << finding->reason;
  EXPECT_NE(finding->fix.find(illness.fix), std::string::npos) << finding->fix;
}

INSTANTIATE_TEST_SUITE_P(Illnesses, DoctorCheck, ::testing::ValuesIn(illnesses()));

TEST(Doctor, FindsNothingOnAHealthyMachine) {
  FakeBox box;
  const auto findings = look_at(box);
  for (const Finding& finding : findings) {
    // What a driver with PC sampling never shows.
    const auto expected = finding.id == "pc-sampling" ? Verdict::kUnknown : Verdict::kOk;
    EXPECT_EQ(finding.verdict, expected) << finding.id << ": " << finding.reason;
  }
  EXPECT_EQ(findings.size(), check_ids().size()) << "one GPU: one finding of each";
  EXPECT_EQ(box.open_files(), 0);
}

TEST(Doctor, HasAnIllnessForEachOfItsChecks) {
  std::set<std::string> caused;
  for (const Illness& illness : illnesses()) {
    caused.insert(illness.id);
  }
  for (const std::string_view id : check_ids()) {
    EXPECT_TRUE(caused.contains(std::string(id))) << id;
  }
}

}  // namespace
}  // namespace gpreempt::kfd::doctor
