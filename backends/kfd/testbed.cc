#include "backends/kfd/testbed.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/linux_os.h"
#include "core/error.h"
#include "core/testbed.h"

namespace gpreempt::kfd {

Result<std::unique_ptr<Testbed>> open_testbed(std::string_view spec) {
  if (spec != "kfd") {
    return fail(Errc::kInvalidArgument,
                fmt::format("open testbed \"{}\": this world is \"kfd\", without options", spec));
  }
  LinuxOs os;
  auto backend = open_backend(os, {});
  if (!backend) {
    return tl::unexpected<Error>(backend.error());
  }
  GPREEMPT_TRY((*backend)->close());
  return fail(Errc::kUnsupported,
              "open testbed \"kfd\": the driver and a GPU are there, but this build has no HIP "
              "workloads to run on them; use the sim or vkfd world");
}

}  // namespace gpreempt::kfd
