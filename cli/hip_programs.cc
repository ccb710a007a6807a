#include "cli/hip_programs.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/os.h"
#include "backends/kfd/testbed.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "core/error.h"
#include "core/policy.h"
#include "workloads/compile.h"

namespace gpreempt::cli {
namespace {

/// A word that a shell takes as it is.
std::string shell_word(std::string_view word) {
  std::string text = "'";
  for (const char c : word) {
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return text + "'";
}

std::vector<std::string> words_for(const std::string& program, const RunOptions& options,
                                   const RunSetup& setup, const TenantMeta& tenant,
                                   std::uint32_t gpu) {
  const std::string records =
      options.out.empty() ? "/dev/null"
                          : (options.out / fmt::format("hip-{}-{}.csv", tenant.name, gpu)).string();
  return {program,     options.scenario,
          "--tenant",  tenant.name,
          "--records", records,
          "--gpu",     fmt::format("{}", gpu),
          "--seed",    fmt::format("{}", setup.scenario.run.seed),
          "--hints",   "{hints}"};
}

}  // namespace

Result<kfd::TenantCommand> hip_command(kfd::Os& os, const RunOptions& options,
                                       const RunSetup& setup, const TenantMeta& tenant) {
  const bool is_online = tenant.cls == TenantClass::kOnline;
  const std::string name = is_online ? "gpreempt-hip-online" : "gpreempt-hip-offline";
  const std::string program = kfd::find_program(os, name);
  const std::string option = is_online ? "--online" : "--offline";
  if (program.empty()) {
    return fail(Errc::kNoSuchDevice,
                fmt::format("find {} for tenant '{}': it is neither beside gpreempt nor in PATH; "
                            "build it with hipcc (docs/hip-workloads.md), or name a command with "
                            "{}",
                            name, tenant.name, option));
  }
  if (!options.set.empty() || options.duration || !options.traces.empty()) {
    return fail(Errc::kUnsupported,
                fmt::format("run {} for tenant '{}': it reads the scenario's file and knows "
                            "nothing of --set, --duration and --trace; write them into a file",
                            name, tenant.name));
  }
  kfd::TenantCommand who{
      .argv = {}, .existing = {}, .processes = tenant.programs, .says_ready = true};
  if (tenant.programs == 1) {
    who.argv = words_for(program, options, setup, tenant, tenant.gpus.front());
    return who;
  }
  std::string line;
  for (std::size_t i = 0; i < tenant.programs; ++i) {
    for (const std::string& word : words_for(program, options, setup, tenant, tenant.gpus.at(i))) {
      line += shell_word(word) + " ";
    }
    line += "& ";
  }
  who.argv = {"/bin/sh", "-c", line + "wait"};
  return who;
}

}  // namespace gpreempt::cli
