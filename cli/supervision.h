#pragma once

#include <memory>
#include <string>

#include "backends/kfd/launch/process_testbed.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "cli/safety_options.h"

/// How safety options reach the backend: here and nowhere else.
namespace gpreempt::cli {

[[nodiscard]] kfd::TroubleOptions trouble_of(const SafetyOptions& options);

/// The driver at `device`, watched as the options say, under a watchdog.
[[nodiscard]] kfd::SupervisionOptions supervision_of(kfd::Os& os, const SafetyOptions& options,
                                                     const std::string& device);

/// A testbed's view of it: whom the testbed starts or finds may be controlled.
[[nodiscard]] kfd::OpenedBackend opened_by_testbed(kfd::Supervised supervised);

}  // namespace gpreempt::cli
