#include "backends/kfd/testbed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <ios>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/launch/process_testbed.h"
#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/linux_programs.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"

namespace gpreempt::kfd {
namespace {

/// Programs as files, for as long as somebody may read them.
class ProgramFiles {
 public:
  ProgramFiles(Os& os, std::function<std::string(const Program&)> text_of)
      : os_(os), text_of_(std::move(text_of)) {}
  ProgramFiles(const ProgramFiles&) = delete;
  ProgramFiles& operator=(const ProgramFiles&) = delete;
  ~ProgramFiles() {
    for (const std::string& path : paths_) {
      (void)os_.remove_file(path);
    }
  }

  [[nodiscard]] Result<std::string> write(const Program& program) {
    std::string path = fmt::format("/tmp/gpreempt-{}-{}.program.json",
                                   os_.read_link("/proc/self").value_or("0"), paths_.size());
    std::ofstream file(path, std::ios::trunc);
    file << text_of_(program);
    file.close();
    if (!file) {
      return fail(Errc::kIo, fmt::format("write {}: it cannot be written; is /tmp full?", path));
    }
    paths_.push_back(path);
    return path;
  }

 private:
  Os& os_;
  std::function<std::string(const Program&)> text_of_;
  std::vector<std::string> paths_;
};

Result<TenantCommand> command_for(Os& os, ProgramFiles& files, const Program& program) {
  if (auto can = check_hip_can_run(program); !can) {
    return tl::unexpected<Error>(std::move(can).error());
  }
  const std::string name = program.offline ? "gpreempt-hip-offline" : "gpreempt-hip-online";
  const std::string executable = find_program(os, name);
  if (executable.empty()) {
    return fail(Errc::kNoSuchDevice,
                fmt::format("launch program '{}': {} is neither beside this program nor in PATH; "
                            "build it with hipcc (docs/hip-workloads.md)",
                            program.name, name));
  }
  const auto file = files.write(program);
  if (!file) {
    return tl::unexpected<Error>(file.error());
  }
  return TenantCommand{.argv = {executable, "--program", *file, "--hints", "{hints}"},
                       .existing = {},
                       .processes = 1,
                       .says_ready = true};
}

/// What a testbed stands on.
struct Foundation {
  explicit Foundation(std::function<std::string(const Program&)> text_of)
      : files(os, std::move(text_of)) {}
  LinuxOs os;
  ProgramFiles files;
};

}  // namespace

Result<void> check_hip_can_run(const Program& program) {
  // Source: hsa_amd_queue_set_priority, which has three, and what ROCr makes of them.
  constexpr std::array<std::uint32_t, 3> kReached = {0, kNormalPriority, 11};
  const auto refuse = [&](const std::string& why) {
    return fail(Errc::kUnsupported, fmt::format("launch program '{}': {}", program.name, why));
  };
  if (std::find(kReached.begin(), kReached.end(), program.hardware_priority) == kReached.end()) {
    return refuse(fmt::format("hardware priority {}: a HIP program reaches 0, 7 and 11",
                              program.hardware_priority));
  }
  if (program.serving) {
    return refuse("an LLM engine; run the engine itself with `gpreempt run --online`");
  }
  const bool meets =
      std::any_of(program.trains.begin(), program.trains.end(), [](const KernelTrain& train) {
        return std::any_of(train.begin(), train.end(),
                           [](const KernelRun& run) { return run.collective; });
      });
  if (meets || !program.more_gpus.empty()) {
    return refuse(
        "a gang, whose ranks need RCCL; run the job itself with `gpreempt run --offline`");
  }
  return {};
}

Result<std::unique_ptr<Testbed>> open_testbed(HipTestbedOptions options) {
  const auto foundation = std::make_shared<Foundation>(std::move(options.text_of));
  LinuxOs& os = foundation->os;
  ProcessTestbedOptions more;
  more.foundation = foundation;
  more.open = [&os, open = std::move(options.open)] { return open ? open(os) : open_plain(os); };
  more.command_of = [&os, &files = foundation->files](const Program& program) {
    return command_for(os, files, program);
  };
  auto inner = open_process_testbed(os, std::move(more));
  if (!inner) {
    return tl::unexpected<Error>(std::move(inner).error());
  }
  const std::size_t gpus = (*inner)->backend().info().gpus.size();
  const bool has_programs = !find_program(os, "gpreempt-hip-online").empty() &&
                            !find_program(os, "gpreempt-hip-offline").empty();
  if (gpus < options.gpus || !has_programs) {
    (void)(*inner)->backend().close();
    return gpus < options.gpus
               ? fail(Errc::kNoSuchDevice,
                      fmt::format("open the testbed of this machine: it has {} GPUs, and {} are "
                                  "wanted",
                                  gpus, options.gpus))
               : fail(Errc::kNoSuchDevice,
                      "open the testbed of this machine: gpreempt-hip-online and "
                      "gpreempt-hip-offline are neither beside this program nor in PATH; build "
                      "them with hipcc (docs/hip-workloads.md)");
  }
  return inner;
}

}  // namespace gpreempt::kfd
