#include "backends/kfd/driver.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "core/error.h"

namespace gpreempt::kfd {

Result<Fd> open_driver(Os& os, const std::string& device) {
  const auto opened = os.open(device, OpenMode::kReadWrite);
  if (opened) {
    return *opened;
  }
  const int number = opened.error().number;
  const auto because = [&](Errc code, std::string_view reason) {
    return fail(code, fmt::format("open {}: {}", device, reason), number);
  };
  switch (number) {
    case ENOENT:
      return because(Errc::kNoSuchDevice,
                     "there is no such file: amdkfd is not loaded, or a container was started "
                     "without --device /dev/kfd");
    case ENXIO:
    case ENODEV: return because(Errc::kNoSuchDevice, "no driver serves it: load the amdgpu module");
    case EINVAL:
      return because(Errc::kNoSuchDevice,
                     "refused (EINVAL): a 7.x driver without a GPU that can run compute queues");
    case EACCES:
    case EPERM:
      return because(Errc::kNotPermitted,
                     "permission denied: join the group that owns it (render), or start the "
                     "container with --group-add render");
    default: return because(Errc::kIo, std::strerror(number));
  }
}

Result<abi::Version> check_version(Os& os, Fd driver, const std::string& device) {
  abi::Version version;
  auto result = os.ioctl(driver, abi::kGetVersion, &version);
  while (!result && result.error().number == EINTR) {
    result = os.ioctl(driver, abi::kGetVersion, &version);
  }
  if (!result) {
    const int number = result.error().number;
    if (number == ENOTTY || number == EINVAL) {
      return fail(Errc::kUnsupported,
                  fmt::format("ask {} for its version: it is no KFD device", device), number);
    }
    return fail(Errc::kIo, fmt::format("ask {} for its version: {}", device, std::strerror(number)),
                number);
  }
  if (version.major_version != abi::kVersionMajor ||
      version.minor_version < abi::kVersionMinorDbgTrap) {
    return fail(Errc::kUnsupported,
                fmt::format("open {}: KFD {}.{} has no queue debugging; 1.13 or a later 1.x is "
                            "needed (Linux 6.5)",
                            device, version.major_version, version.minor_version));
  }
  return version;
}

}  // namespace gpreempt::kfd
