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
    kTree,     ///< "tree:4711": a launcher and all that descend from it
    /// "container:3f4a9c": all in the container whose id begins so; "container:3f4a9c/12": the one
    /// that has this pid inside.
    kContainer,
  };
  By by = By::kPid;
  Pid pid;           ///< of `kPid` and `kTree`; of `kContainer` the inner one, 0: all
  std::string name;  ///< of the others
};

/// The forms of a target, for messages and help.
inline constexpr std::string_view kTargetForms =
    "a pid as 4711 or pid:4711, a launcher with its workers as tree:4711, a program as "
    "command:python3, a control group as cgroup:/offline, or a container by 6 or more digits of "
    "its "
    "id as container:3f4a9c, one process in it as container:3f4a9c/12";

/// Errors: kInvalidArgument; the text shows the forms.
[[nodiscard]] Result<TargetSelector> parse_target(std::string_view text);

/// Where processes and control groups are listed.
struct SelectorRoots {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

/// The processes that are meant now, ascending and without this one; never none. Blocks: as reading
/// small files does. Errors: kProcessExited (there is none), kInvalidArgument (no such group, or
/// two containers' ids begin so), kNotPermitted (/proc shows no containers), kIo.
[[nodiscard]] Result<std::vector<Pid>> find_targets(Os& os, const TargetSelector& selector,
                                                    const SelectorRoots& roots = {});

}  // namespace gpreempt::kfd
