#pragma once

#include <memory>
#include <string_view>

#include "core/error.h"
#include "core/testbed.h"

namespace gpreempt::kfd {

/// The `kfd` world of the contract tests: this machine's GPUs. `spec`: "kfd". Runs the preflight of
/// `open_backend`; running programs on a GPU needs HIP workloads, which are not built in this
/// version, so it always ends in an error. Errors: those of `open_backend`, kUnsupported
/// (everything is there but the HIP workloads), kInvalidArgument (`spec`).
[[nodiscard]] Result<std::unique_ptr<Testbed>> open_testbed(std::string_view spec);

}  // namespace gpreempt::kfd
