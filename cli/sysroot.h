#pragma once

#include <string>

#include "backends/kfd/os.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Whether --sysroot is a folder; empty is this machine's root. Errors: kInvalidArgument.
[[nodiscard]] Result<void> check_sysroot(kfd::Os& os, const std::string& sysroot);

}  // namespace gpreempt::cli
