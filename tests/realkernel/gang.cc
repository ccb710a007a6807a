#include "tests/realkernel/gang.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/realkernel/runtime_process.h"

namespace gpreempt::kfd {

void run_gang(const std::string& path) {
  constexpr int kEveryMs = 5;
  std::array<RuntimeProcess, kRanks> ranks;
  for (RuntimeProcess& rank : ranks) {
    if (!rank.obeys(RuntimeProcess::Order::kStartRuntime)) {
      ::_exit(1);
    }
  }
  const std::string next = path + ".next";
  for (;;) {
    const auto slowest = std::ranges::min_element(ranks, {}, &RuntimeProcess::count);
    {
      std::ofstream(next) << slowest->count() << '\n';
    }
    (void)std::rename(next.c_str(), path.c_str());
    (void)::poll(nullptr, 0, kEveryMs);
  }
}

std::uint64_t gang_count(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t count = 0;
  file >> count;
  return count;
}

}  // namespace gpreempt::kfd
