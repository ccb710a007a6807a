// A program that gives hints as anybody's would: with the C header alone. Waits for its start, has
// three requests, says how much it has done, and runs on until a signal ends it.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "workloads/agent/gpreempt_hints.h"

int main() {
  constexpr std::int64_t kWork = 5'000'000;
  constexpr std::uint64_t kRequests = 3;
  gpreempt_hints hints;
  if (gpreempt_hints_open(&hints, nullptr) != 0 || gpreempt_hints_ready(&hints) != 0) {
    return EXIT_FAILURE;
  }
  const std::int64_t start = gpreempt_hints_wait_start(&hints, -1);
  if (start < 0) {
    return EXIT_FAILURE;
  }
  for (std::uint64_t request = 0; request < kRequests; ++request) {
    gpreempt_hints_arrived(&hints, request, 0);
    const std::int64_t first = gpreempt_hints_now();
    gpreempt_hints_finished(&hints, request, gpreempt_hints_now(), first);
  }
  gpreempt_hints_work(&hints, kWork, kRequests);
  for (;;) {
    pause();
  }
}
