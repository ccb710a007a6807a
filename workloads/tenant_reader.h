#pragma once

#include <filesystem>
#include <string_view>

#include "config/document.h"
#include "core/error.h"
#include "workloads/scenario.h"

/// Private to workloads: reading of [[online]] and [[offline]] tables.
namespace gpreempt {

/// Where the files that a scenario names are looked for.
struct ScenarioFolder {
  std::filesystem::path path;
  bool embedded = false;  ///< there is no folder: only embedded files exist
};

/// Letters, digits, '-' and '_'.
[[nodiscard]] bool is_tenant_name(std::string_view name);

/// Errors: kParse, and kIo for a profile that is nowhere.
[[nodiscard]] Result<TenantScenario> read_tenant(const TomlTable& table, bool offline,
                                                 const ScenarioFolder& folder);

}  // namespace gpreempt
