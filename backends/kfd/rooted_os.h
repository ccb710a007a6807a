#pragma once

#include <string>
#include <vector>

#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {

/// Another root folder for files: code that reads "/sys/..." reads "ROOT/sys/...", e.g. what was
/// saved from another machine. Every absolute path of `open`, `read_file`, `list_dir` and
/// `read_link` gets the root before it, and ".." does not climb over it; relative paths and all
/// else are the inner port's.
///
/// `read_link` answers as inside the root: a target below the root loses the root, another absolute
/// one stays and means a path below the root when it is used. The system follows the links that
/// stand within a path by itself, so an absolute one in there leaves the root: this is a view, not
/// a jail.
class RootedOs : public ForwardingOs {
 public:
  /// `inner` must outlive it. `root`: an absolute or relative folder; "" and "/" change nothing.
  RootedOs(Os& inner, std::string root);

  [[nodiscard]] SysResult<Fd> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override;
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override;
  [[nodiscard]] SysResult<std::string> read_link(const std::string& path) override;

 private:
  [[nodiscard]] std::string rooted(const std::string& path) const;

  std::string root_;  ///< without a '/' at its end
};

}  // namespace gpreempt::kfd
