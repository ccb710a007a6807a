#include "backends/kfd/linux_programs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"

namespace gpreempt::kfd {

std::string find_program(Os& os, const std::string& name) {
  std::vector<std::string> folders;
  if (const auto own = os.read_link("/proc/self/exe")) {
    const std::string folder = own->substr(0, own->rfind('/'));
    folders = {folder, folder + "/../workloads/hip", folder + "/../../workloads/hip"};
  }
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    folders.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (const std::string& folder : folders) {
    std::string candidate = fmt::format("{}/{}", folder, name);
    if (const auto file = os.open(candidate, OpenMode::kRead)) {
      os.close(*file);
      return candidate;
    }
  }
  return {};
}

}  // namespace gpreempt::kfd
