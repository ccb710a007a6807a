#include "workloads/record_rows.h"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt {
namespace {

std::string instant_or_nothing(Instant instant) {
  return instant == kForever ? std::string{} : fmt::format("{}", to_ns(instant));
}

}  // namespace

std::vector<std::string> request_columns() {
  std::vector<std::string> names = {"policy",     "tenant",        "request",
                                    "arrival_ns", "first_wave_ns", "end_ns"};
  names.reserve(kFirstPhaseColumn + kDriverPhases + 2);
  for (std::size_t i = 0; i < kDriverPhases; ++i) {
    names.push_back(fmt::format("{}_ns", to_string(static_cast<DriverPhase>(i))));
  }
  names.emplace_back("first_token_ns");
  names.emplace_back("tokens");
  return names;
}

std::string requests_header() {
  std::string header;
  for (const std::string& name : request_columns()) {
    header += header.empty() ? "" : ",";
    header += name;
  }
  return header;
}

void append_request(fmt::memory_buffer& out, std::string_view label, std::string_view tenant,
                    const RequestRecord& request, Phases phases) {
  auto end = std::back_inserter(out);
  fmt::format_to(end, "\"{}\",{},{},{},{},{}", label, tenant, request.request,
                 to_ns(request.arrival), instant_or_nothing(request.first_wave),
                 instant_or_nothing(request.end));
  // Until the end they are counters and not yet times of this request.
  const bool known = phases == Phases::kKnown && request.end != kForever;
  for (const Duration phase : request.phases) {
    fmt::format_to(end, ",{}", known ? fmt::format("{}", to_ns(phase)) : std::string{});
  }
  fmt::format_to(end, ",{},{}\n", instant_or_nothing(request.first_token), request.tokens);
}

std::string_view progress_header() { return "policy,tenant,at_ns,work_ns"; }

void append_progress(fmt::memory_buffer& out, std::string_view label, std::string_view tenant,
                     Instant at, Duration work) {
  fmt::format_to(std::back_inserter(out), "\"{}\",{},{},{}\n", label, tenant, to_ns(at),
                 to_ns(work));
}

}  // namespace gpreempt
