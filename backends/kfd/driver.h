#pragma once

#include <string>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "core/error.h"

namespace gpreempt::kfd {

/// Opens the driver's device. Errors: kNoSuchDevice (no amdkfd, or no GPU it can drive),
/// kNotPermitted (group render), kIo; the text says what to do.
[[nodiscard]] Result<Fd> open_driver(Os& os, const std::string& device);

/// The driver's ioctl version. Errors: kUnsupported (older than 1.13, or not a KFD), kIo.
[[nodiscard]] Result<abi::Version> check_version(Os& os, Fd driver, const std::string& device);

}  // namespace gpreempt::kfd
