#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Which processes are meant, as a user writes it.
struct TargetSelector {
  enum class By {
    kPid,      ///< "4711" or "pid:4711"
    kCommand,  ///< "command:python3": by the file name of the program or the name of the process
    kCgroup,   ///< "cgroup:/offline": all in the group and in those below it
  };
  By by = By::kPid;
  Pid pid;           ///< of `kPid`
  std::string name;  ///< of the others
};

/// Errors: kInvalidArgument; the text shows the three forms.
[[nodiscard]] Result<TargetSelector> parse_target(std::string_view text);

/// Where processes and control groups are listed.
struct SelectorRoots {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

/// The processes that are meant now, ascending and without this one; never none. Blocks: as reading
/// small files does. Errors: kProcessExited (there is none), kInvalidArgument (no such group), kIo.
[[nodiscard]] Result<std::vector<Pid>> find_targets(Os& os, const TargetSelector& selector,
                                                    const SelectorRoots& roots = {});

}  // namespace gpreempt::kfd
