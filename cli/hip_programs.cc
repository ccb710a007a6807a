#include "cli/hip_programs.h"

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/linux_programs.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/policy.h"
#include "workloads/compile.h"
#include "workloads/program_file.h"

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

std::filesystem::path file_of(const TenantMeta& tenant, std::size_t rank,
                              const std::filesystem::path& folder) {
  return folder / fmt::format("hip-{}-{}.program.json", tenant.name, rank);
}

std::vector<std::string> words_for(const std::string& program, const TenantMeta& tenant,
                                   std::size_t rank, const std::filesystem::path& folder) {
  return {program,
          "--program",
          file_of(tenant, rank, folder).string(),
          "--records",
          (folder / fmt::format("hip-{}-{}.csv", tenant.name, rank)).string(),
          "--report",
          (folder / fmt::format("hip-{}-{}.json", tenant.name, rank)).string(),
          "--hints",
          "{hints}"};
}

}  // namespace

Result<kfd::TenantCommand> hip_command(kfd::Os& os, const TenantMeta& tenant,
                                       const std::filesystem::path& folder) {
  const bool is_online = tenant.cls == TenantClass::kOnline;
  const std::string name = is_online ? "gpreempt-hip-online" : "gpreempt-hip-offline";
  const std::string program = kfd::find_program(os, name);
  if (program.empty()) {
    return fail(Errc::kNoSuchDevice,
                fmt::format("find {} for tenant '{}': it is neither beside gpreempt nor in PATH; "
                            "build it with hipcc (docs/hip-workloads.md), or name a command with "
                            "{}",
                            name, tenant.name, is_online ? "--online" : "--offline"));
  }
  kfd::TenantCommand who{
      .argv = {}, .existing = {}, .processes = tenant.programs, .says_ready = true};
  if (tenant.programs == 1) {
    who.argv = words_for(program, tenant, 0, folder);
    return who;
  }
  std::string line;
  for (std::size_t rank = 0; rank < tenant.programs; ++rank) {
    for (const std::string& word : words_for(program, tenant, rank, folder)) {
      line += shell_word(word) + " ";
    }
    line += "& ";
  }
  who.argv = {"/bin/sh", "-c", line + "wait"};
  return who;
}

Result<void> write_programs(const Workload& workload, const TenantMeta& tenant,
                            const std::filesystem::path& folder) {
  for (std::size_t rank = 0; rank < tenant.programs; ++rank) {
    const std::filesystem::path path = file_of(tenant, rank, folder);
    std::ofstream file(path, std::ios::trunc);
    file << program_text(workload.programs.at(tenant.first_program + rank));
    file.close();
    if (!file) {
      return fail(Errc::kIo,
                  fmt::format("write {}: it cannot be written; is there room?", path.string()));
    }
  }
  return {};
}

}  // namespace gpreempt::cli
