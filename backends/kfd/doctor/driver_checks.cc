#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/doctor.h"
#include "core/error.h"

/// The device, and whose driver it is.
namespace gpreempt::kfd::doctor {
namespace {

constexpr std::string_view kSavedFix =
    "run gpreempt doctor on the machine itself; a saved tree has no device";
constexpr std::string_view kConformanceFix =
    "run `sudo gpreempt conformance --backend kfd`: it says which answers of this driver differ";

/// What a check that needs an open device says without one; nothing if there is one.
Findings without_device(Box& box) {
  const Box::Device& device = box.device();
  if (device.opened) {
    return {};
  }
  if (box.options().saved_tree) {
    return {unknown(box.options().device, "a saved tree has no device", std::string(kSavedFix))};
  }
  return {unknown(box.options().device, "not asked: it could not be opened",
                  "mend what kfd-device, kfd-access and kfd-without-gpu say, then look again")};
}

int open_error(Box& box) {
  const auto& opened = box.device().opened;
  return opened ? 0 : opened.error().sys_errno;
}

Findings check_present(Box& box) {
  const std::string& path = box.options().device;
  switch (open_error(box)) {
    case ENOENT:
      if (box.options().saved_tree) {
        return without_device(box);
      }
      return {blocked(path, box.device().opened.error().what,
                      "load the driver with `sudo modprobe amdgpu`; start a container with "
                      "`--device /dev/kfd --device /dev/dri`")};
    case ENXIO:
    case ENODEV:
      return {
          blocked(path, box.device().opened.error().what,
                  "load the driver with `sudo modprobe amdgpu`, and see `dmesg | grep -i kfd`")};
    default: return {ok(path, fmt::format("{} is there", path))};
  }
}

Findings check_access(Box& box) {
  const std::string& path = box.options().device;
  switch (open_error(box)) {
    case 0: return {ok(path, fmt::format("{} opens for reading and writing", path))};
    case EACCES:
      return {blocked(path, fmt::format("open {}: EACCES: its group is not one of ours", path),
                      "join the group with `sudo usermod -aG render $USER` and log in again; start "
                      "a container with `--group-add render` (the host's number of that group)")};
    case EPERM:
      return {blocked(
          path, fmt::format("open {}: EPERM: the device cgroup of this container denies it", path),
          "start the container with `--device /dev/kfd --device /dev/dri`")};
    case ENOENT:
    case ENXIO:
    case ENODEV: return without_device(box);
    default: return {ok(path, fmt::format("{} is not refused for lack of permission", path))};
  }
}

Findings check_without_gpu(Box& box) {
  const std::string& path = box.options().device;
  switch (open_error(box)) {
    case 0: return {ok(path, fmt::format("open {} is not refused for lack of a GPU", path))};
    case EINVAL:
      return {blocked(path, box.device().opened.error().what,
                      "this driver serves no GPU for compute: see `dmesg | grep -i amdgpu`; to run "
                      "without a GPU, use `gpreempt run --backend vkfd`")};
    default: return without_device(box);
  }
}

Findings check_version_of_interface(Box& box) {
  if (auto missing = without_device(box); !missing.empty()) {
    return missing;
  }
  const std::string& path = box.options().device;
  const auto& version = box.device().version;
  if (version) {
    return {ok(path, fmt::format("{} speaks KFD {}.{}; 1.13 is needed", path,
                                 version->major_version, version->minor_version))};
  }
  if (version.error().code != Errc::kUnsupported) {
    return {blocked(path, version.error().what, "see `dmesg | grep -i kfd`")};
  }
  if (box.options().saved_tree) {
    return {unknown(path, "a saved tree has no device", std::string(kSavedFix))};
  }
  return {blocked(path, version.error().what,
                  "boot Linux 6.5 or later, or install AMD's package amdgpu-dkms of ROCm 6")};
}

Findings check_module(Box& box) {
  const std::string folder = "/sys/module/amdgpu";
  const auto there = box.os().list_dir(folder);
  if (there) {
    return {ok(kDriver, fmt::format("{}: amdgpu is loaded", folder))};
  }
  const std::string reason = fmt::format("{}: {}", folder, sentence_of(there.error()));
  if (box.options().saved_tree) {
    return {unknown(kDriver, reason, "save /sys/module/amdgpu with the tree")};
  }
  return {blocked(kDriver, reason, "load it with `sudo modprobe amdgpu`")};
}

/// The kernel's own driver, by its release.
Findings judge_release(const Box::Driver& driver) {
  const auto is = [&](int major, int minor, int patch) {
    return driver.major == major && driver.minor == minor && driver.patch == patch;
  };
  const auto before = [&](int major, int minor, int patch) {
    return std::array{driver.major, driver.minor, driver.patch} < std::array{major, minor, patch};
  };
  const std::string seen = fmt::format("{}: Linux {}", driver.path, driver.version);
  if (is(6, 12, 95) || is(6, 12, 107)) {
    return {ok(kDriver, fmt::format("{}: personality upstream-{}.{}.{}", seen, driver.major,
                                    driver.minor, driver.patch))};
  }
  if (driver.major == 0) {
    return {unknown(kDriver, seen + ", which is no version", std::string(kConformanceFix))};
  }
  if (before(6, 5, 0)) {
    return {warning(kDriver, seen + ": older than the first driver with queue debugging (6.5)",
                    "boot Linux 6.5 or later, or install AMD's package amdgpu-dkms of ROCm 6")};
  }
  if (before(6, 12, 95)) {
    return {note(kDriver, seen + ": taken for personality upstream-6.12.95, not read itself",
                 std::string(kConformanceFix))};
  }
  if (driver.major >= 7) {
    return {note(kDriver, seen + ": taken for personality upstream-7.3, not read itself",
                 std::string(kConformanceFix))};
  }
  if (driver.minor == 12 && !before(6, 12, 107)) {
    return {note(kDriver, seen + ": taken for personality upstream-6.12.107, not read itself",
                 std::string(kConformanceFix))};
  }
  return {warning(kDriver,
                  seen + ": between two personalities; who may debug whom changed somewhere there",
                  std::string(kConformanceFix))};
}

Findings check_personality(Box& box) {
  const auto driver = box.driver();
  if (!driver) {
    return {unknown(kDriver,
                    "neither /sys/module/amdgpu/version nor /proc/sys/kernel/osrelease can be read",
                    "mount /proc and /sys, or save both with the tree")};
  }
  if (!driver->is_package) {
    return judge_release(*driver);
  }
  const std::string seen = fmt::format("{}: AMD's package {}", driver->path, driver->version);
  const std::string known = fmt::format("{}.{}.{}", driver->major, driver->minor, driver->patch);
  if (known == "6.12.12") {
    return {ok(kDriver, seen + ": personality dkms-6.12.12")};
  }
  return {warning(kDriver, seen + ": not a driver whose rules were read; taken for dkms-6.12.12",
                  std::string(kConformanceFix))};
}

Findings check_patches(Box& box) {
  const std::string counters = "/sys/kernel/debug/kfd/scheduler_stats";
  const std::string fix =
      "reinstall the unpatched driver, e.g. `sudo apt-get install --reinstall amdgpu-dkms`; where "
      "that is not wanted, " +
      std::string(kConformanceFix);
  const auto entries = box.os().list_dir("/sys/kernel/debug/kfd");
  for (const std::string& name : entries.value_or(std::vector<std::string>())) {
    if (name == "scheduler_stats") {
      return {warning(kDriver,
                      counters + " is there: no released driver has it, this one is patched", fix)};
    }
  }
  const auto taint = box.text("/sys/module/amdgpu/taint");
  const auto driver = box.driver();
  if (!taint || !driver) {
    return {
        unknown(kDriver,
                fmt::format("/sys/module/amdgpu/taint: {}",
                            taint ? "no version to compare it with" : sentence_of(taint.error())),
                std::string(kConformanceFix))};
  }
  const bool is_outside = taint->find('O') != std::string::npos;
  if (is_outside && !driver->is_package) {
    return {warning(kDriver,
                    fmt::format("/sys/module/amdgpu/taint has \"{}\": a module from outside the "
                                "kernel without AMD's version: somebody's own build",
                                *taint),
                    fix)};
  }
  const std::string known = fmt::format("{}.{}.{}", driver->major, driver->minor, driver->patch);
  if (driver->is_package && driver->version != known) {
    return {
        warning(kDriver,
                fmt::format("{} has \"{}\": more than a release's number, perhaps a patched build",
                            driver->path, driver->version),
                fix)};
  }
  return {ok(kDriver,
             fmt::format("/sys/module/amdgpu/taint has \"{}\", as a released driver has", *taint))};
}

Findings check_pc_sampling(Box& box) {
  // The kernel's own driver has no such call up to 1.18; AMD's package always may.
  constexpr std::uint32_t kLastWithout = 18;
  const auto driver = box.driver();
  const auto& version = box.device().version;
  if (driver && !driver->is_package && version && version->minor_version <= kLastWithout) {
    return {ok(kDriver, fmt::format("{}: Linux {} with KFD 1.{} has no PC sampling", driver->path,
                                    driver->version, version->minor_version))};
  }
  return {unknown(kDriver,
                  "whether a process samples program counters cannot be seen from here; the driver "
                  "refuses to debug one that does (EBUSY)",
                  "end profilers of the target first: `pgrep -af 'rocprof|pc-sampling'`")};
}

}  // namespace

std::span<const Check> driver_checks() {
  static constexpr std::array<Check, 8> kChecks = {{
      {.id = "kfd-device", .run = check_present},
      {.id = "kfd-access", .run = check_access},
      {.id = "kfd-without-gpu", .run = check_without_gpu},
      {.id = "kfd-version", .run = check_version_of_interface},
      {.id = "amdgpu-module", .run = check_module},
      {.id = "personality", .run = check_personality},
      {.id = "driver-patches", .run = check_patches},
      {.id = "pc-sampling", .run = check_pc_sampling},
  }};
  return kChecks;
}

}  // namespace gpreempt::kfd::doctor
