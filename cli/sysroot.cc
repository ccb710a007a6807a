#include "cli/sysroot.h"

#include <fmt/format.h>

#include <cstring>
#include <string>

#include "backends/kfd/os.h"
#include "core/error.h"

namespace gpreempt::cli {

Result<void> check_sysroot(kfd::Os& os, const std::string& sysroot) {
  if (sysroot.empty()) {
    return {};
  }
  if (const auto entries = os.list_dir(sysroot); !entries) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read --sysroot {}: {}; name the folder that holds the saved proc/ and "
                            "sys/",
                            sysroot, std::strerror(entries.error().number)),
                entries.error().number);
  }
  return {};
}

}  // namespace gpreempt::cli
