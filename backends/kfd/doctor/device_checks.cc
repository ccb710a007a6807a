#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/os.h"

/// Each GPU's PCI device. Source of the files: amdgpu_gfx.c, amdgpu_vram_mgr.c.
namespace gpreempt::kfd::doctor {
namespace {

Finding without_file(const Box::Gpu& gpu, const std::string& path, SysError error) {
  return unknown(gpu.subject, fmt::format("{}: {}", path, sentence_of(error)),
                 fmt::format("see `ls {}`; a container needs /sys of the host", gpu.device));
}

Finding judge_partition(Box& box, const Box::Gpu& gpu) {
  const std::string path = gpu.device + "/current_compute_partition";
  const auto mode = box.text(path);
  if (!mode) {
    if (mode.error().number == ENOENT && box.os().list_dir(gpu.device)) {
      return ok(gpu.subject, path + " is not there: this GPU has no partitions");
    }
    return without_file(gpu, path, mode.error());
  }
  const std::string seen = fmt::format("{}: {}", path, *mode);
  constexpr std::array<std::string_view, 4> kSplit = {"DPX", "TPX", "QPX", "CPX"};
  if (*mode == "SPX") {
    return ok(gpu.subject, seen + ": one node with all XCCs");
  }
  if (std::find(kSplit.begin(), kSplit.end(), *mode) != kSplit.end()) {
    return note(gpu.subject,
                seen +
                    ": its partitions are nodes of their own; a suspend disturbs its own node "
                    "only, a reset takes them all",
                "model it by its partition, e.g. `gpreempt models show mi308x-cpx`");
  }
  return unknown(
      gpu.subject, seen + ", which is no known mode",
      "see what the driver offers: `cat " + gpu.device + "/available_compute_partition`");
}

Finding judge_isolation(Box& box, const Box::Gpu& gpu) {
  const std::string path = gpu.device + "/enforce_isolation";
  const std::string how =
      "one process at a time may use the GPU, so Online waits for Offline "
      "whatever a policy does";
  const auto modes = box.text(path);  // one number per partition
  if (modes) {
    const bool is_on = modes->find_first_not_of("0 ") != std::string::npos;
    if (!is_on) {
      return ok(gpu.subject, fmt::format("{}: {}: processes may share the GPU", path, *modes));
    }
    std::string off = *modes;
    std::replace_if(off.begin(), off.end(), [](char c) { return c != ' '; }, '0');
    return warning(gpu.subject, fmt::format("{}: {}: {}", path, *modes, how),
                   fmt::format("`echo {} | sudo tee {}`", off, path));
  }
  // Drivers before that file have the parameter for all GPUs, or neither.
  const auto parameter = box.parameter("enforce_isolation");
  if (!parameter.value) {
    return without_file(gpu, path, modes.error());
  }
  const std::string seen = fmt::format("{} is {}", parameter.path, *parameter.value);
  if (*parameter.value == 0) {
    return ok(gpu.subject, seen + ": processes may share the GPU");
  }
  return warning(gpu.subject, fmt::format("{}: {}", seen, how),
                 "take enforce_isolation out of /etc/modprobe.d/amdgpu.conf and boot again");
}

/// Whether the machine is a guest; a processor says so by a flag.
bool is_guest(Box& box) {
  const auto processors = box.text("/proc/cpuinfo");
  return processors && processors->find(" hypervisor") != std::string::npos;
}

Finding judge_virtual_function(Box& box, const Box::Gpu& gpu) {
  // Virtual functions of MI210, MI300X, MI308X, MI325X, MI350X and MI355X. Source: the table of
  // product names in AMD's MxGPU-Virtualization.
  constexpr std::array<std::uint64_t, 8> kVirtual = {0x7410, 0x74b5, 0x74b6, 0x74b9,
                                                     0x74bc, 0x74bd, 0x75b0, 0x75b3};
  const std::string shared =
      "the host gives the GPU to other machines in turn: times here include theirs, and a reset is "
      "the host's";
  const std::string fix = "use a machine that has the GPU to itself; no driver option changes this";
  const auto id = gpu.property("device_id");
  if (id && std::find(kVirtual.begin(), kVirtual.end(), *id) != kVirtual.end()) {
    return warning(gpu.subject,
                   fmt::format("{}/properties: device_id {:#x} is a virtual function (SR-IOV): {}",
                               gpu.folder, *id, shared),
                   fix);
  }
  const auto entries = box.os().list_dir(gpu.device);
  if (entries && std::find(entries->begin(), entries->end(), "physfn") != entries->end()) {
    return warning(
        gpu.subject,
        fmt::format("{}/physfn is there: a virtual function (SR-IOV): {}", gpu.device, shared),
        fix);
  }
  const std::string count = gpu.device + "/sriov_numvfs";
  if (const auto given = box.number(count).value.value_or(0); given > 0) {
    return warning(gpu.subject,
                   fmt::format("{} is {}: virtual functions are given to other machines (SR-IOV)",
                               count, given),
                   fmt::format("`echo 0 | sudo tee {}` once no machine uses them", count));
  }
  if (!id) {
    return unknown(gpu.subject, gpu.folder + "/properties has no device_id",
                   fmt::format("see `lspci -s {}`", gpu.device.substr(gpu.device.rfind('/') + 1)));
  }
  return ok(gpu.subject,
            fmt::format("{}/properties: device_id {:#x} is no virtual function{}", gpu.folder, *id,
                        is_guest(box) ? "; this machine is a guest that has the GPU whole" : ""));
}

Finding judge_memory(Box& box, const Box::Gpu& gpu) {
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  constexpr double kScarce = 0.1;  // ours
  const auto total = box.number(gpu.device + "/mem_info_vram_total");
  const auto used = box.number(gpu.device + "/mem_info_vram_used");
  if (!total.value || !used.value || *total.value <= 0) {
    return unknown(gpu.subject,
                   !total.value  ? total.problem
                   : !used.value ? used.problem
                                 : total.path + " is not positive",
                   "ask the driver otherwise: `amd-smi metric --mem-usage`");
  }
  const double free_bytes = static_cast<double>(*total.value - *used.value);
  std::string seen =
      fmt::format("{:.1f} of {:.1f} GiB are free ({}); a suspended tenant keeps its memory",
                  free_bytes / kGib, static_cast<double>(*total.value) / kGib, used.path);
  if (const auto pid = box.options().pid) {
    const auto own =
        box.number(fmt::format("/sys/class/kfd/kfd/proc/{}/vram_{}", *pid, gpu.id.value()));
    if (own.value) {
      seen += fmt::format("; pid {} has {:.1f} GiB", *pid, static_cast<double>(*own.value) / kGib);
    }
  }
  if (free_bytes < kScarce * static_cast<double>(*total.value)) {
    return warning(
        gpu.subject,
        seen + "; what does not fit is evicted, which takes all its owner's queues off",
        "find who holds memory with `sudo fuser -v /dev/kfd`, and give the tenants less, "
        "e.g. `--gpu-memory-utilization 0.4` for vLLM");
  }
  return ok(gpu.subject, seen);
}

}  // namespace

std::span<const Check> device_checks() {
  static constexpr std::array<Check, 4> kChecks = {{
      {.id = "partition", .run = [](Box& box) { return for_each_gpu(box, judge_partition); }},
      {.id = "isolation", .run = [](Box& box) { return for_each_gpu(box, judge_isolation); }},
      {.id = "sriov", .run = [](Box& box) { return for_each_gpu(box, judge_virtual_function); }},
      {.id = "vram", .run = [](Box& box) { return for_each_gpu(box, judge_memory); }},
  }};
  return kChecks;
}

}  // namespace gpreempt::kfd::doctor
