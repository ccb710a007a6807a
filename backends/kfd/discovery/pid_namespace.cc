#include "backends/kfd/discovery/pid_namespace.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/whole_number.h"
#include "core/ids.h"

namespace gpreempt::kfd {

PidView pid_view(Os& os, const std::string& proc) {
  const auto own = os.read_link(proc + "/self/ns/pid");
  if (own && *own == "pid:[4026531836]") {
    return PidView::kInitial;
  }
  // The host's /proc that is mounted into a container shows the reader's own namespace there.
  const auto second = read_process_status(os, proc, "2");
  if (second && value_of(*second, "Name") == "kthreadd" && value_of(*second, "PPid") == "0") {
    return PidView::kInitial;
  }
  return own ? PidView::kOther : PidView::kUnknown;
}

std::vector<Pid> namespace_pids(const ProcessStatus& status) {
  const std::string text = value_of(status, "NSpid");
  std::vector<Pid> pids;
  std::string_view rest(text);
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, std::min(rest.find(' '), rest.size()));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (const auto pid = whole_number<std::int32_t>(word)) {
      pids.emplace_back(*pid);
    }
  }
  return pids;
}

}  // namespace gpreempt::kfd
