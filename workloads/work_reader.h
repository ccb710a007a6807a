#pragma once

#include <string>
#include <string_view>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "workloads/scenario.h"
#include "workloads/tenant_reader.h"

/// Private to workloads: reading of what a request or a step runs.
namespace gpreempt {

/// A `request` or `step` table. Errors: kParse, and kIo for a profile that is nowhere.
[[nodiscard]] Result<WorkSpec> read_work(const TomlTable& table, const ScenarioFolder& folder);

/// Reads `workgroups`, `waves`, `vgprs` and `lds`; what is absent stays as it is in `shape`.
/// Errors: kParse.
[[nodiscard]] Result<void> read_shape(const TomlTable& table, KernelShape& shape);

/// The text of the file that `key` names: beside the scenario, or else an embedded profile.
/// Errors: kIo at the key's place.
[[nodiscard]] Result<std::string> find_text(const TomlTable& table, std::string_view key,
                                            const std::string& file, const ScenarioFolder& folder);

/// Whether its tokens are those of the trace that requests come from.
[[nodiscard]] bool needs_trace(const WorkSpec& work);

}  // namespace gpreempt
