#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/kernel_log.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "core/units.h"

/// What this process may do, and with it a controller that is started as it is.
namespace gpreempt::kfd::doctor {
namespace {

constexpr std::string_view kTraceFix =
    "run as root, or `sudo setcap cap_sys_ptrace+ep $(command -v gpreempt)`; start a container "
    "with "
    "`--cap-add=SYS_PTRACE`";
constexpr std::string_view kStatusFix = "mount /proc, or save /proc/self/status with the tree";

/// One line of /proc/self/status, or the finding that it cannot be read.
tl::expected<std::string, Finding> own_status(Box& box, std::string_view key) {
  const auto status = box.status("self");
  if (!status) {
    return tl::unexpected<Finding>(unknown(
        kDoctor, "/proc/self/status: " + sentence_of(status.error()), std::string(kStatusFix)));
  }
  const auto found = status->find(key);
  if (found == status->end()) {
    return tl::unexpected<Finding>(
        unknown(kDoctor, fmt::format("/proc/self/status has no {}", key), std::string(kStatusFix)));
  }
  return found->second;
}

Findings check_ptrace_scope(Box& box) {
  const std::string path = "/proc/sys/kernel/yama/ptrace_scope";
  const auto text = box.text(path);
  if (!text && text.error().number == ENOENT && !box.options().saved_tree) {
    return {ok(kMachine, path + " is not there: this kernel has no such limit (Yama)")};
  }
  const auto scope = box.number(path);
  if (!scope.value) {
    return {unknown(kMachine, scope.problem, "mount /proc, or save that file with the tree")};
  }
  const std::string seen = fmt::format("{} is {}", path, *scope.value);
  constexpr std::int64_t kNobody = 3;
  if (*scope.value == 0) {
    return {ok(kMachine, seen + ": attaching to other processes of one's user is allowed")};
  }
  if (*scope.value >= kNobody) {
    return {blocked(kMachine, seen + ": nobody may attach to another process until a reboot",
                    "take kernel.yama.ptrace_scope out of /etc/sysctl.d/ and boot again")};
  }
  const auto may = box.may_trace_all();
  if (may.value_or(false)) {
    return {ok(kMachine, seen + ", and this process has CAP_SYS_PTRACE")};
  }
  return {blocked(kMachine,
                  fmt::format("{}: {} without CAP_SYS_PTRACE", seen,
                              *scope.value == 1 ? "only one's own children may be attached to"
                                                : "nobody may attach to another process"),
                  fmt::format("`sudo sysctl kernel.yama.ptrace_scope=0`; or {}", kTraceFix))};
}

Findings check_capability(Box& box) {
  const auto may = box.may_trace_all();
  if (!may) {
    return {unknown(kDoctor, "/proc/self/status has no CapEff that can be read",
                    std::string(kStatusFix))};
  }
  if (*may) {
    return {ok(kDoctor, "/proc/self/status: CapEff has CAP_SYS_PTRACE (bit 19)")};
  }
  return {
      note(kDoctor,
           "/proc/self/status: CapEff lacks CAP_SYS_PTRACE (bit 19): only processes of the same "
           "user can be preempted, and none that changed its user",
           std::string(kTraceFix))};
}

/// Whether system call filters let ptrace pass: no such thread is ESRCH, a filter says EPERM.
SysResult<long> probe_ptrace(Os& os) {
  return os.ptrace(PtraceOp::kSeize, std::numeric_limits<Tid>::max(), 0);
}

Findings check_seccomp(Box& box) {
  const auto mode = own_status(box, "Seccomp");
  if (!mode) {
    return {mode.error()};
  }
  if (*mode == "0") {
    return {ok(kDoctor, "/proc/self/status: Seccomp is 0: no system call is filtered")};
  }
  const std::string seen = fmt::format("/proc/self/status: Seccomp is {}: a filter is on", *mode);
  const std::string fix =
      "start the container with `--security-opt seccomp=unconfined`, or a profile that allows "
      "ptrace and process_vm_readv";
  if (box.options().saved_tree) {
    return {unknown(kDoctor, seen + ", and what it refuses cannot be read", fix)};
  }
  const auto probe = probe_ptrace(box.os());
  if (!probe && probe.error().number == ESRCH) {
    return {ok(kDoctor, seen + ", and ptrace passes it")};
  }
  return {blocked(kDoctor,
                  fmt::format("{}, and refuses ptrace ({})", seen,
                              probe ? "no error" : sentence_of(probe.error())),
                  fix)};
}

Findings check_new_privileges(Box& box) {
  const auto bit = own_status(box, "NoNewPrivs");
  if (!bit) {
    return {bit.error()};
  }
  if (*bit == "0") {
    return {ok(kDoctor, "/proc/self/status: NoNewPrivs is 0: sudo and file capabilities work")};
  }
  if (box.may_trace_all().value_or(false)) {
    return {ok(kDoctor, "/proc/self/status: NoNewPrivs is set, and CAP_SYS_PTRACE is there")};
  }
  return {note(kDoctor,
               "/proc/self/status: NoNewPrivs is set: sudo and file capabilities give nothing here",
               "start the container without `--security-opt no-new-privileges`, or with "
               "`--cap-add=SYS_PTRACE`")};
}

Findings check_debugfs(Box& box) {
  const std::string path = "/sys/kernel/debug/kfd/mqds";
  const std::string folder = "/sys/kernel/debug";
  const std::string lost =
      ": hardware slots, runlists and other processes' activity cannot be seen; preempting works "
      "without";
  const auto opened = box.os().open(path, OpenMode::kRead);
  if (opened) {
    box.os().close(*opened);
    return {ok(kMachine, path + " can be read")};
  }
  const auto refused = [](SysError error) {
    return error.number == EACCES || error.number == EPERM;
  };
  const auto entries = box.os().list_dir(folder);
  if (refused(opened.error()) || (!entries && refused(entries.error()))) {
    return {warning(kMachine, path + ": only root may read it" + lost,
                    "run as root, or `sudo mount -o remount,mode=755 /sys/kernel/debug`")};
  }
  if (box.options().saved_tree) {
    return {unknown(kMachine, fmt::format("{}: {}", path, sentence_of(opened.error())),
                    "save it with the tree: `sudo cat /sys/kernel/debug/kfd/mqds`")};
  }
  if (!entries || entries->empty()) {
    return {warning(kMachine, folder + " is empty: debugfs is not mounted" + lost,
                    "`sudo mount -t debugfs none /sys/kernel/debug`; start a container with `-v "
                    "/sys/kernel/debug:/sys/kernel/debug:ro`")};
  }
  return {warning(kMachine, fmt::format("{}: {}", path, sentence_of(opened.error())) + lost,
                  "load the driver with `sudo modprobe amdgpu`")};
}

/// Why /dev/kmsg is refused to this process, and what helps. The kernel refuses to open it where
/// dmesg_restrict is 1 and CAP_SYSLOG is missing, and a device cgroup with the same number.
/// Source: devkmsg_open, check_syslog_permissions (kernel/printk/printk.c).
Finding kernel_log_refused(Box& box, const std::string& seen) {
  const auto restricted = box.number("/proc/sys/kernel/dmesg_restrict");
  const std::optional<bool> may_read = box.may_read_kernel_log();
  if (may_read.value_or(false) || restricted.value == 0) {
    return blocked(kDoctor,
                   seen + (restricted.value == 0
                               ? "; kernel.dmesg_restrict is 0, so that its device cgroup is why"
                               : "; this process has CAP_SYSLOG, so that its device cgroup is why, "
                                 "or a user namespace in which the capability counts for nothing"),
                   "start the container with `--device=/dev/kmsg`, and not rootless");
  }
  const std::string limit = restricted.value
                                ? fmt::format("kernel.dmesg_restrict is {}", *restricted.value)
                                : restricted.problem;
  const std::string_view lack = may_read ? "this process lacks CAP_SYSLOG (bit 34)"
                                         : "/proc/self/status has no CapEff that can be read";
  const bool is_known = restricted.value && may_read;
  return blocked(
      kDoctor,
      fmt::format("{}; {}{}, and {}", seen, is_known ? "" : "why cannot be told: ", limit, lack),
      fmt::format("run as root, or `sudo sysctl kernel.dmesg_restrict=0`; start a "
                  "container with `--cap-add=SYSLOG --device=/dev/kmsg`{}",
                  is_known ? "" : "; mount /proc to be told which"));
}

/// By what the commands that control processes read, as they read it.
Findings check_kernel_log(Box& box) {
  const TroubleOptions watched;
  const std::string& path = watched.kernel_log;
  if (box.options().saved_tree) {
    return {unknown(kDoctor, path + ": a saved tree has no device, and no kernel's log",
                    "run gpreempt doctor on the machine itself")};
  }
  const auto log = KernelLog::open(box.os(), path);
  if (log) {
    const std::vector<KernelRecord> history = (*log)->history();
    (*log)->close();
    if (history.empty()) {
      return {ok(kDoctor, path + " can be read, and has no line about a reset or a hang")};
    }
    return {warning(kDoctor,
                    fmt::format("{} can be read: {}", path, last_trouble(history, box.os().now())),
                    fmt::format("see that the GPUs are well; commands that preempt refuse to for {}"
                                " after such a line (`--back-off`)",
                                format_duration(watched.back_off)))};
  }
  const std::string seen = fmt::format(
      "{}: {}: a GPU that is reset would go unseen, and so nothing is preempted (unless with "
      "`--kernel-log none`)",
      path, sentence_of({log.error().sys_errno}));
  switch (log.error().sys_errno) {
    case EPERM: return {kernel_log_refused(box, seen)};
    case EACCES:
      return {blocked(kDoctor, seen + "; its mode keeps this user out",
                      "run as root, or `sudo chmod a+r /dev/kmsg`")};
    case ENOENT:
      return {blocked(kDoctor, seen + "; a container has it only if it is given",
                      "start the container with `--device=/dev/kmsg --cap-add=SYSLOG`; elsewhere "
                      "`sudo mknod -m 644 /dev/kmsg c 1 11`")};
    default: return {blocked(kDoctor, seen, "see whether `dmesg` works")};
  }
}

}  // namespace

std::span<const Check> permission_checks() {
  static constexpr std::array<Check, 6> kChecks = {{
      {.id = "ptrace-scope", .run = check_ptrace_scope},
      {.id = "ptrace-capability", .run = check_capability},
      {.id = "seccomp", .run = check_seccomp},
      {.id = "new-privileges", .run = check_new_privileges},
      {.id = "debugfs", .run = check_debugfs},
      {.id = "kernel-log", .run = check_kernel_log},
  }};
  return kChecks;
}

}  // namespace gpreempt::kfd::doctor
