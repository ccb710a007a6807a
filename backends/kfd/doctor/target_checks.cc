#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/control_group.h"
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/handshake.h"
#include "backends/kfd/process_status.h"
#include "core/ids.h"

/// The process that is to be preempted. Nothing here attaches to it.
namespace gpreempt::kfd::doctor {
namespace {

std::string name_of(Pid pid) { return fmt::format("pid {}", pid); }

/// Asks `judge` about a named process that is there; what is wrong otherwise, check_process says.
Findings for_target(Box& box, Finding (*judge)(Box& box, Pid pid, const ProcessStatus& status)) {
  const auto pid = box.options().pid;
  if (!pid) {
    return {};
  }
  const auto status = box.status(fmt::format("{}", *pid));
  return status ? Findings{judge(box, *pid, *status)} : Findings{};
}

Findings check_process(Box& box) {
  const auto pid = box.options().pid;
  if (!pid) {
    return {unknown("target", "no process was named, so none was looked at",
                    "name the one that is to be preempted: `gpreempt doctor --pid PID`")};
  }
  const std::string path = fmt::format("/proc/{}/status", *pid);
  const auto status = box.status(fmt::format("{}", *pid));
  if (!status) {
    return {
        blocked(name_of(*pid), fmt::format("{}: {}", path, sentence_of(status.error())),
                "find its number here with `pgrep -a python`; the host's number of a process in "
                "a container is the first one in `grep NSpid /proc/*/status` on the host")};
  }
  const std::string leader = value_of(*status, "Tgid");
  if (!leader.empty() && leader != fmt::format("{}", *pid)) {
    return {blocked(name_of(*pid), fmt::format("{}: it is a thread of {}", path, leader),
                    fmt::format("name the process: `gpreempt doctor --pid {}`", leader))};
  }
  const std::string state = value_of(*status, "State");
  if (state.starts_with('Z') || state.starts_with('X')) {
    return {blocked(name_of(*pid), fmt::format("{}: State {}: it has ended", path, state),
                    "start it anew")};
  }
  return {
      ok(name_of(*pid), fmt::format("{}: Name {}, State {}, NSpid {}", path,
                                    value_of(*status, "Name"), state, value_of(*status, "NSpid")))};
}

Finding judge_owner(Box& box, Pid pid, const ProcessStatus& status) {
  const std::string path = fmt::format("/proc/{}/status", pid);
  if (box.may_trace_all().value_or(false)) {
    return ok(name_of(pid), path + ": of any user, since this process has CAP_SYS_PTRACE");
  }
  const auto own = box.status("self");
  const std::string theirs = value_of(status, "Uid");
  const std::string ours = own ? value_of(*own, "Uid") : std::string();
  if (theirs.empty() || ours.empty()) {
    return unknown(name_of(pid), path + ": its Uid, or ours, cannot be read", "run as root");
  }
  if (theirs == ours) {
    return ok(name_of(pid), path + ": Uid is ours");
  }
  return blocked(
      name_of(pid),
      fmt::format("{}: Uid {} is not ours ({}), and CAP_SYS_PTRACE is missing", path, theirs, ours),
      "run as that user or as root; start a container with `--cap-add=SYS_PTRACE`");
}

Finding judge_debugger(Box& box, Pid pid, const ProcessStatus& status) {
  const std::string path = fmt::format("/proc/{}/status", pid);
  const std::string tracer = value_of(status, "TracerPid");
  if (tracer.empty()) {
    return unknown(name_of(pid), path + " has no TracerPid", "mount /proc");
  }
  if (tracer == "0") {
    return ok(name_of(pid), path + ": TracerPid is 0: nobody has attached to it");
  }
  const auto name = box.text(fmt::format("/proc/{}/comm", tracer));
  return blocked(
      name_of(pid),
      fmt::format("{}: TracerPid is {} ({}): a process has one debugger only", path, tracer,
                  name ? *name : sentence_of(name.error())),
      fmt::format("end that one (a debugger, strace, or a controller): `kill {}`", tracer));
}

/// How many queues the driver lists for a process; 0 also where that cannot be told.
std::size_t queues_of(Box& box, Pid pid) {
  const auto queues = box.os().list_dir(fmt::format("/sys/class/kfd/kfd/proc/{}/queues", pid));
  return queues ? queues->size() : 0;
}

Finding judge_runtime(Box& box, Pid pid, const ProcessStatus& /*status*/) {
  const std::string path = fmt::format("/proc/{}/maps", pid);
  const auto maps = box.text(path);
  if (!maps) {
    return unknown(name_of(pid), fmt::format("{}: {}", path, sentence_of(maps.error())),
                   "run as its user or as root");
  }
  const bool has_runtime = maps->find("libhsa-runtime64") != std::string::npos;
  const std::size_t queues = queues_of(box, pid);
  const std::string seen = fmt::format("{} has {}libhsa-runtime64, and the driver lists {} queues",
                                       path, has_runtime ? "" : "no ", queues);
  if (has_runtime && queues > 0) {
    return ok(name_of(pid), seen + ": that runtime is enabled before the first queue");
  }
  if (has_runtime) {
    return note(name_of(pid), seen + ": attaching waits for the first queue",
                "let it begin its work; in a pid namespace of one's own queues are not found");
  }
  if (queues > 0) {
    return warning(
        name_of(pid),
        seen +
            ": a program without ROCr may not have enabled its runtime, and suspending "
            "is EPERM then",
        "run it on ROCr (any HIP program), or let it call RUNTIME_ENABLE before its first "
        "queue");
  }
  return warning(name_of(pid), seen + ": it does not use the GPU",
                 "name the process that does, a worker and not its launcher: `pgrep -P " +
                     fmt::format("{}", pid) + "`");
}

Finding judge_handshake(Box& box, Pid pid, const ProcessStatus& /*status*/) {
  const auto waits = waits_in_handshake(box.os(), "/proc", pid);
  if (!waits) {
    return unknown(name_of(pid), fmt::format("/proc/{}/task/*/syscall cannot be read", pid),
                   "run as root");
  }
  if (!*waits) {
    return ok(name_of(pid), fmt::format("/proc/{}/task/*/syscall: no thread waits for a debugger's "
                                        "answer",
                                        pid));
  }
  return warning(
      name_of(pid),
      fmt::format("/proc/{}/task/*/syscall: a thread is in RUNTIME_ENABLE: a debugger that "
                  "is gone may have left it waiting for an answer",
                  pid),
      fmt::format("if it stays so, free it: `gpreempt rescue {}`", pid));
}

Finding judge_group(Box& box, Pid pid, const ProcessStatus& /*status*/) {
  const auto theirs = control_group(box, fmt::format("{}", pid));
  const auto ours = control_group(box, "self");
  if (!theirs || !ours) {
    return unknown(name_of(pid), theirs ? ours.error() : theirs.error(), "mount /proc");
  }
  if (is_root_group(box, *ours).value_or(false)) {
    return ok(name_of(pid), fmt::format("/proc/{}/cgroup: {}; this process is in the root group, "
                                        "which is never frozen",
                                        pid, theirs->path));
  }
  if (theirs->path != ours->path) {
    return ok(name_of(pid),
              fmt::format("/proc/{}/cgroup: {} is not this process's group", pid, theirs->path));
  }
  return note(
      name_of(pid),
      fmt::format("/proc/{}/cgroup: {} is this process's group too: what freezes the target "
                  "freezes its controller",
                  pid, theirs->path),
      "start the controller in a group of its own: `systemd-run --scope gpreempt ...`");
}

}  // namespace

std::span<const Check> target_checks() {
  static constexpr std::array<Check, 6> kChecks = {{
      {.id = "target", .run = check_process},
      {.id = "target-owner", .run = [](Box& box) { return for_target(box, judge_owner); }},
      {.id = "target-debugger", .run = [](Box& box) { return for_target(box, judge_debugger); }},
      {.id = "target-runtime", .run = [](Box& box) { return for_target(box, judge_runtime); }},
      {.id = "target-handshake", .run = [](Box& box) { return for_target(box, judge_handshake); }},
      {.id = "target-cgroup", .run = [](Box& box) { return for_target(box, judge_group); }},
  }};
  return kChecks;
}

}  // namespace gpreempt::kfd::doctor
