#pragma once

#include <string>

#include "backends/kfd/os.h"

namespace gpreempt::kfd {

/// Where a program of ours is: beside this one, where it was built, or in PATH; empty: nowhere.
/// Blocks: as looking for a few files does.
[[nodiscard]] std::string find_program(Os& os, const std::string& name);

}  // namespace gpreempt::kfd
