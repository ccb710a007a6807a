#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/control_group.h"
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/os.h"

/// The machine around this process: namespaces, processor, control groups.
namespace gpreempt::kfd::doctor {
namespace {

Findings check_pid_namespace(Box& box) {
  const auto first = box.in_first_pid_namespace();
  if (!first) {
    return {unknown(kDoctor, "/proc/self/ns/pid cannot be read",
                    "mount /proc, or save /proc/self/ns with the tree")};
  }
  if (*first) {
    return {ok(kDoctor,
               "/proc/self/ns/pid is the machine's first: pids are those of the driver's "
               "files")};
  }
  return {
      warning(kDoctor,
              "/proc/self/ns/pid is a namespace of its own: only processes in it can be "
              "preempted, and the pids in debugfs and /sys/class/kfd are other ones",
              "start the container with `--pid=host`, or `--pid=container:NAME` of the target's")};
}

Findings check_container(Box& box) {
  const std::string fix =
      "give it what it needs: `--device /dev/kfd --device /dev/dri --group-add render "
      "--cap-add=SYS_PTRACE --pid=host -v /sys/kernel/debug:/sys/kernel/debug:ro`";
  for (const std::string_view mark : {"/.dockerenv", "/run/.containerenv"}) {
    if (box.os().read_file(std::string(mark))) {
      return {note(kMachine, fmt::format("{} is there: this is a container", mark), fix)};
    }
  }
  const auto groups = box.text("/proc/self/cgroup");
  if (!groups) {
    return {unknown(kMachine, "/proc/self/cgroup: " + sentence_of(groups.error()),
                    "mount /proc, or save that file with the tree")};
  }
  for (const std::string_view word : {"docker", "kubepods", "containerd", "libpod", "/lxc"}) {
    if (groups->find(word) != std::string::npos) {
      return {note(kMachine, fmt::format("/proc/self/cgroup has \"{}\": this is a container", word),
                   fix)};
    }
  }
  return {ok(kMachine,
             "nothing marks this as a container (/.dockerenv, /run/.containerenv, "
             "/proc/self/cgroup)")};
}

Findings check_processor(Box& box) {
  const std::string path = "/proc/cpuinfo";
  const auto text = box.text(path);
  if (!text) {
    return {unknown(kMachine, fmt::format("{}: {}", path, sentence_of(text.error())),
                    "mount /proc, or save that file with the tree")};
  }
  if (text->find("GenuineIntel") == std::string::npos) {
    return {ok(kMachine, path + ": no Intel processor, on which HIP may publish packets out of "
                                "order")};
  }
  return {warning(kMachine,
                  path +
                      ": vendor_id GenuineIntel: where HIP streams share a queue, a packet may be "
                      "announced before an earlier one is written, and the GPU stops at it or "
                      "takes it half-written: what looks like a failed resume may be that",
                  "use a HIP that orders them (rocm-systems pull request 10377; it knows "
                  "`DEBUG_CLR_ORDER_DOORBELL`), or let no streams share a queue: "
                  "`GPU_MAX_HW_QUEUES` at least the number of streams")};
}

Findings check_watchdog(Box& box) {
  const std::string frozen =
      "a controller that is frozen (`docker pause`) keeps its queues suspended, and a watchdog in "
      "its group is frozen with it";
  if (box.options().saved_tree) {
    return {unknown(kDoctor, "who may write a control group cannot be seen in a saved tree",
                    "run gpreempt doctor on the machine itself")};
  }
  const auto group = control_group(box, "self");
  if (!group) {
    return {unknown(kDoctor, group.error(), "mount /proc")};
  }
  if (is_root_group(box, *group).value_or(false)) {
    return {ok(kDoctor, "/proc/self/cgroup is the machine's root group, which is never frozen")};
  }
  if (group->path == "/") {
    return {
        warning(kDoctor, "/proc/self/cgroup shows no group outside of this container's: " + frozen,
                "start the container with `--cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw`, "
                "and the watchdog with `--cgroup /sys/fs/cgroup`")};
  }
  // The groups around ours, from the outermost.
  for (std::size_t end = 0; end != std::string::npos; end = group->path.find('/', end + 1)) {
    const std::string folder = group->mount + group->path.substr(0, end);
    const auto file = box.os().open(folder + "/cgroup.procs", OpenMode::kWrite);
    if (file) {
      box.os().close(*file);
      return {
          ok(kDoctor, fmt::format("{}/cgroup.procs can be written: a watchdog may leave {} with "
                                  "`--cgroup {}`",
                                  folder, group->path, folder))};
    }
  }
  return {warning(kDoctor,
                  fmt::format("no cgroup.procs around {}{} can be written: {}", group->mount,
                              group->path, frozen),
                  "run as root, or with a group of the user's own: `systemd-run --user --scope "
                  "gpreempt ...`")};
}

}  // namespace

std::span<const Check> box_checks() {
  static constexpr std::array<Check, 4> kChecks = {{
      {.id = "pid-namespace", .run = check_pid_namespace},
      {.id = "container", .run = check_container},
      {.id = "processor", .run = check_processor},
      {.id = "outside-watchdog", .run = check_watchdog},
  }};
  return kChecks;
}

}  // namespace gpreempt::kfd::doctor
