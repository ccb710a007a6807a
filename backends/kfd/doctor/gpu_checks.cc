#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/topology.h"
#include "core/error.h"
#include "core/ids.h"

/// Each GPU, as the driver's topology shows it. Source: node_show in kfd_topology.c.
namespace gpreempt::kfd::doctor {
namespace {

constexpr std::string_view kTopologyFix = "see `ls /sys/class/kfd/kfd/topology/nodes/`";

Findings check_gpus(Box& box) {
  const auto& gpus = box.gpus();
  if (!gpus) {
    const bool is_unreadable = gpus.error().code != Errc::kNoSuchDevice;
    if (box.options().saved_tree && gpus.error().sys_errno != 0) {
      return {unknown(kMachine, gpus.error().what, "save /sys/class/kfd with the tree")};
    }
    return {blocked(
        kMachine, gpus.error().what,
        is_unreadable ? "this driver's topology is in no known format: please report the file"
                      : "see `dmesg | grep -i amdgpu` for why no GPU is driven; a container needs "
                        "`--device /dev/kfd --device /dev/dri`")};
  }
  // What attaching will read.
  if (const auto read = read_topology(box.os(), "/sys"); !read) {
    return {blocked(kMachine, read.error().what,
                    "this driver's topology lacks what is needed: please report the file")};
  }
  std::vector<std::string> names;
  for (const Box::Gpu& gpu : *gpus) {
    names.push_back(fmt::format("{:x}", gpu.id.value()));
  }
  const std::string seen = fmt::format("{} GPU{}: {}", names.size(), names.size() == 1 ? "" : "s",
                                       fmt::join(names, " "));
  if (names.size() == 1) {
    return {ok(kMachine, seen)};
  }
  return {note(kMachine,
               seen + "; attaching to a process preempts everybody on each GPU that it can see, "
                      "used or not",
               "start the target where it sees its own GPU only: one `--device "
               "/dev/dri/renderDN` in its container")};
}

Finding judge_slots(Box& box, const Box::Gpu& gpu) {
  constexpr std::uint64_t kSlotsOfPipes = 32;  // 4 pipes x 8 queues of MEC1, on each XCC
  constexpr std::int64_t kDefaultKernelQueues = 8;
  const auto kernel_queues = box.parameter("num_kcq");
  const auto queues = gpu.property("num_cp_queues");
  const std::uint64_t xccs = gpu.property("num_xcc").value_or(1);
  if (!kernel_queues.value || !queues) {
    return unknown(gpu.subject,
                   kernel_queues.value ? gpu.folder + "/properties has no num_cp_queues"
                                       : kernel_queues.problem,
                   std::string(kTopologyFix));
  }
  const bool is_valid = *kernel_queues.value >= 0 && *kernel_queues.value <= kDefaultKernelQueues;
  const std::uint64_t slots =
      kSlotsOfPipes -
      static_cast<std::uint64_t>(is_valid ? *kernel_queues.value : kDefaultKernelQueues);
  const std::string seen = fmt::format(
      "num_kcq {} leaves {} compute slots on each of {} XCCs; {}/properties says "
      "num_cp_queues {}",
      *kernel_queues.value, slots, xccs, gpu.folder, *queues);
  if (!is_valid && *kernel_queues.value != -1) {
    return warning(gpu.subject, seen + "; the driver takes 8 for such a num_kcq",
                   "put `options amdgpu num_kcq=8` (0 to 8) into /etc/modprobe.d/amdgpu.conf and "
                   "boot again");
  }
  if (*queues == slots || *queues == slots * xccs) {
    return ok(gpu.subject, seen);
  }
  return warning(gpu.subject, seen + ", which is neither that nor that times the XCCs",
                 "count the slots with `sudo grep -c 'CP Pipe' /sys/kernel/debug/kfd/hqds`; queues "
                 "beyond them share slots by time slices");
}

Finding judge_firmware(Box& /*box*/, const Box::Gpu& gpu) {
  // HSA_CAP_TRAP_DEBUG_SUPPORT and HSA_CAP_TRAP_DEBUG_FIRMWARE_SUPPORTED of kfd_sysfs.h.
  constexpr std::uint64_t kTrapDebug = 0x8000;
  constexpr std::uint64_t kFirmware = 0x20000000;
  const auto capability = gpu.property("capability");
  if (!capability) {
    return unknown(gpu.subject, gpu.folder + "/properties has no capability",
                   std::string(kTopologyFix));
  }
  const std::string seen = fmt::format("{}/properties: capability {:#x}", gpu.folder, *capability);
  if ((*capability & kFirmware) == 0) {
    return blocked(gpu.subject, seen + " lacks 0x20000000: its firmware (MEC) is too old to debug",
                   "install newer firmware, `sudo apt-get install --only-upgrade "
                   "amdgpu-dkms-firmware` or linux-firmware, and boot again");
  }
  if ((*capability & kTrapDebug) == 0) {
    return blocked(gpu.subject, seen + " lacks 0x8000: the driver does not debug on this GPU",
                   "use a GPU of the MI200 or MI300 series");
  }
  return ok(gpu.subject, seen + ": firmware and driver support debugging");
}

Finding judge_target(Box& /*box*/, const Box::Gpu& gpu) {
  constexpr std::uint64_t kFirstSoc15 = 90000;
  constexpr std::uint64_t kFirstOf10 = 100000;
  constexpr std::uint64_t kFirstOfMes = 110000;
  constexpr std::array<std::uint64_t, 5> kSeveralDebugged = {90010, 90400, 90401, 90402, 90500};
  const auto target = gpu.property("gfx_target_version");
  if (!target) {
    return unknown(gpu.subject, gpu.folder + "/properties has no gfx_target_version",
                   std::string(kTopologyFix));
  }
  const std::string seen = fmt::format("{}/properties: gfx_target_version {}", gpu.folder, *target);
  const std::string other = "use a GPU of the MI200 or MI300 series";
  if (*target < kFirstSoc15) {
    return blocked(gpu.subject, seen + ": before gfx9 attaching fails with ENODEV", other);
  }
  if (*target >= kFirstOfMes) {
    return warning(gpu.subject,
                   seen +
                       ": from gfx11 on MES schedules queues, one by one; costs and rules of "
                       "HWS, which all here is written for, do not hold",
                   other);
  }
  if (*target >= kFirstOf10) {
    return warning(gpu.subject, seen + ": gfx10, which nothing here was written for", other);
  }
  for (const std::uint64_t known : kSeveralDebugged) {
    if (*target == known) {
      return ok(gpu.subject, seen + ": several processes may be debugged at once");
    }
  }
  return warning(gpu.subject,
                 seen + ": one debugged process at a time; attaching to a second fails with EBUSY",
                 "have one Offline process on this GPU, or " + other);
}

Findings check_hives(Box& box) {
  const auto& gpus = box.gpus();
  if (!gpus) {
    return {};
  }
  std::map<std::uint64_t, std::size_t> members;
  for (const Box::Gpu& gpu : *gpus) {
    const auto hive = gpu.property("hive_id");
    if (hive && *hive != 0) {
      ++members[*hive];
    }
  }
  Findings findings;
  for (const auto& [hive, count] : members) {
    if (count > 1) {
      findings.push_back(note(
          fmt::format("hive {:x}", hive),
          fmt::format("{} nodes share this hive_id: if the firmware hangs, the reset takes all "
                      "of them, with everything that runs there",
                      count),
          "run what can hang on a machine that is nobody else's"));
    }
  }
  if (findings.empty()) {
    findings.push_back(ok(kMachine, "no two GPUs share a hive_id: a reset takes one"));
  }
  return findings;
}

Findings check_other_processes(Box& box) {
  const std::string folder = "/sys/class/kfd/kfd/proc";
  const auto processes = box.os().list_dir(folder);
  if (!processes) {
    if (!box.gpus()) {
      return {};
    }
    return {unknown(kMachine, fmt::format("{}: {}", folder, sentence_of(processes.error())),
                    "look for others yourself: `sudo fuser -v /dev/kfd`")};
  }
  std::vector<std::string> others;
  for (const std::string& process : *processes) {
    const auto queues = box.os().list_dir(fmt::format("{}/{}/queues", folder, process));
    const auto pid = box.options().pid;
    if (queues && !queues->empty() && (!pid || process != std::to_string(pid->value()))) {
      others.push_back(fmt::format("{} ({} queues)", process, queues->size()));
    }
  }
  if (others.empty()) {
    return {ok(kMachine, folder + " lists no other process with queues")};
  }
  return {
      note(kMachine,
           fmt::format("{} lists others with queues: {}; each suspend and resume takes them off "
                       "the GPU too, for a moment",
                       folder, fmt::join(others, ", ")),
           "see whose they are: `ps -o user,pid,args -p PID` on the host")};
}

}  // namespace

std::span<const Check> gpu_checks() {
  static constexpr std::array<Check, 6> kChecks = {{
      {.id = "gpus", .run = check_gpus},
      {.id = "hqd-slots", .run = [](Box& box) { return for_each_gpu(box, judge_slots); }},
      {.id = "debug-firmware", .run = [](Box& box) { return for_each_gpu(box, judge_firmware); }},
      {.id = "gfx-target", .run = [](Box& box) { return for_each_gpu(box, judge_target); }},
      {.id = "hive", .run = check_hives},
      {.id = "other-processes", .run = check_other_processes},
  }};
  return kChecks;
}

}  // namespace gpreempt::kfd::doctor
