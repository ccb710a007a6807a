#include "backends/kfd/rooted_os.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {

RootedOs::RootedOs(Os& inner, std::string root) : ForwardingOs(inner), root_(std::move(root)) {
  while (root_.ends_with('/')) {
    root_.pop_back();
  }
}

std::string RootedOs::rooted(const std::string& path) const {
  if (!path.starts_with('/')) {
    return path;
  }
  return root_ + std::filesystem::path(path).lexically_normal().string();
}

SysResult<Fd> RootedOs::open(const std::string& path, OpenMode mode) {
  return inner().open(rooted(path), mode);
}

SysResult<std::string> RootedOs::read_file(const std::string& path) {
  return inner().read_file(rooted(path));
}

SysResult<std::vector<std::string>> RootedOs::list_dir(const std::string& path) {
  return inner().list_dir(rooted(path));
}

SysResult<std::string> RootedOs::read_link(const std::string& path) {
  auto target = inner().read_link(rooted(path));
  if (target && !root_.empty() && target->starts_with(root_ + "/")) {
    return target->substr(root_.size());
  }
  return target;
}

}  // namespace gpreempt::kfd
