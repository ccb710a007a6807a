#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/doctor.h"

/// The module's parameters. Source of names, defaults and meanings: amdgpu_drv.c.
namespace gpreempt::kfd::doctor {
namespace {

/// How to set a parameter that is read when the module is loaded.
std::string set_at_load(std::string_view option) {
  return fmt::format(
      "put `options amdgpu {}` into /etc/modprobe.d/amdgpu.conf, run `sudo update-initramfs -u`, "
      "and boot again",
      option);
}

std::string set_now(std::string_view name, std::int64_t value) {
  return fmt::format("`echo {} | sudo tee /sys/module/amdgpu/parameters/{}`", value, name);
}

Finding unread(const Box::Reading& reading) {
  return unknown(kDriver, reading.problem,
                 "see amdgpu-module; without this file, ask `sudo dmesg | grep amdgpu` what the "
                 "driver was loaded with");
}

std::string seen(const Box::Reading& reading, std::string_view meaning) {
  return fmt::format("{} is {}: {}", reading.path, reading.value.value_or(0), meaning);
}

Findings check_cwsr(Box& box) {
  const auto reading = box.parameter("cwsr_enable");
  if (!reading.value) {
    return {unread(reading)};
  }
  if (*reading.value != 0) {
    return {ok(kDriver, seen(reading, "waves are saved in the middle of a kernel"))};
  }
  return {blocked(kDriver,
                  seen(reading,
                       "a queue leaves the GPU only when its kernels end; a long one runs "
                       "into the timeout and resets the GPU"),
                  set_at_load("cwsr_enable=1"))};
}

Findings check_mes(Box& box) {
  const auto reading = box.parameter("mes");
  if (!reading.value) {
    return {unread(reading)};
  }
  if (*reading.value != 1) {
    return {ok(kDriver, seen(reading, "queues are scheduled by runlists (HWS)"))};
  }
  return {warning(kDriver,
                  seen(reading,
                       "another firmware (MES) schedules queues, one by one; costs and "
                       "rules of HWS, which all here is written for, do not hold"),
                  set_at_load("mes=0"))};
}

Findings check_sched_policy(Box& box) {
  const auto reading = box.parameter("sched_policy");
  if (!reading.value) {
    return {unread(reading)};
  }
  switch (*reading.value) {
    case 0:
      return {ok(kDriver, seen(reading, "firmware schedules queues, more than there are slots"))};
    case 1:
      return {warning(kDriver,
                      seen(reading,
                           "no more queues than hardware slots: a tenant's next queue fails "
                           "with EPERM when they are taken"),
                      set_at_load("sched_policy=0"))};
    default:
      return {blocked(kDriver,
                      seen(reading,
                           "no firmware schedules queues, and every debug call fails with "
                           "EINVAL"),
                      set_at_load("sched_policy=0"))};
  }
}

Findings check_preemption_timeout(Box& box) {
  constexpr std::int64_t kDefaultMs = 9000;
  // Ours: far above the 5 ms of a first suspend in the models, far below what a hang takes.
  constexpr std::int64_t kLeastMs = 1000;
  const auto reading = box.parameter("queue_preemption_timeout_ms");
  if (!reading.value) {
    return {unread(reading)};
  }
  if (*reading.value < kLeastMs) {
    return {warning(kDriver,
                    seen(reading,
                         "a preemption that is merely slow counts as a hang and resets the "
                         "GPU"),
                    set_now("queue_preemption_timeout_ms", kDefaultMs))};
  }
  if (*reading.value > kDefaultMs) {
    return {warning(kDriver,
                    seen(reading,
                         "a suspend may block longer than the driver's default of 9 s when "
                         "the firmware hangs"),
                    set_now("queue_preemption_timeout_ms", kDefaultMs))};
  }
  return {ok(kDriver, seen(reading,
                           "a suspend blocks no longer than that, in ms, when the firmware "
                           "hangs"))};
}

Findings check_halt_on_hang(Box& box) {
  const auto reading = box.parameter("halt_if_hws_hang");
  if (!reading.value) {
    return {unread(reading)};
  }
  if (*reading.value == 0) {
    return {ok(kDriver, seen(reading, "a hang of the firmware leads to a reset"))};
  }
  return {blocked(kDriver,
                  seen(reading,
                       "a preemption that fails spins in the kernel for ever, with the "
                       "GPU's lock held"),
                  set_now("halt_if_hws_hang", 0))};
}

Findings check_gpu_recovery(Box& box) {
  const auto reading = box.parameter("gpu_recovery");
  if (!reading.value) {
    return {unread(reading)};
  }
  if (*reading.value != 0) {
    return {ok(kDriver, seen(reading, "queues and GPUs are reset after a hang"))};
  }
  return {warning(kDriver,
                  seen(reading,
                       "after a hang nothing is reset: the GPU stays lost until a "
                       "reboot"),
                  set_at_load("gpu_recovery=-1"))};
}

Findings check_process_limit(Box& box) {
  const auto reading = box.parameter("hws_max_conc_proc");
  if (!reading.value) {
    return {unread(reading)};
  }
  if (*reading.value < 0 || *reading.value > 1) {
    return {ok(kDriver, seen(reading,
                             "two tenants may be on a GPU at once (-1: as many as it has "
                             "VMIDs)"))};
  }
  return {warning(kDriver,
                  seen(reading,
                       "one process at a time: Online and Offline alternate by time slices "
                       "whatever a policy does, and a suspended process keeps its turn"),
                  set_at_load("hws_max_conc_proc=-1"))};
}

}  // namespace

std::span<const Check> parameter_checks() {
  static constexpr std::array<Check, 7> kChecks = {{
      {.id = "cwsr", .run = check_cwsr},
      {.id = "mes", .run = check_mes},
      {.id = "sched-policy", .run = check_sched_policy},
      {.id = "preemption-timeout", .run = check_preemption_timeout},
      {.id = "halt-on-hang", .run = check_halt_on_hang},
      {.id = "gpu-recovery", .run = check_gpu_recovery},
      {.id = "process-limit", .run = check_process_limit},
  }};
  return kChecks;
}

}  // namespace gpreempt::kfd::doctor
