#include "workloads/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/random.h"
#include "core/time.h"
#include "workloads/arrivals.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"
#include "workloads/trace.h"

namespace gpreempt {
namespace {

/// More arrivals than this in one run are a slip of the pen.
constexpr double kMaxArrivals = 50e6;

const TraceArrivals* trace_of(const TenantScenario& tenant) {
  return tenant.arrivals ? std::get_if<TraceArrivals>(&*tenant.arrivals) : nullptr;
}

/// Requests a second, of arrivals that are drawn or counted out.
double rate_of(const ArrivalSpec& spec) {
  if (const auto* periodic = std::get_if<PeriodicArrivals>(&spec)) {
    return periodic->rate;
  }
  if (const auto* uniform = std::get_if<UniformArrivals>(&spec)) {
    return 2 * kNsPerSecond / static_cast<double>(to_ns(uniform->min + uniform->max));
  }
  return std::get<RandomArrivals>(spec).rate;
}

// ---- traces ------------------------------------------------------------------------------------

/// The trace file of each tenant that has one, after `CompileOptions::traces`.
using TraceFiles = std::map<std::string, std::filesystem::path>;

Result<TraceFiles> trace_files(const Scenario& scenario, const CompileOptions& options) {
  TraceFiles files;
  std::vector<std::string_view> names;
  for (const TenantScenario& tenant : scenario.tenants) {
    if (const TraceArrivals* trace = trace_of(tenant)) {
      files[tenant.name] = trace->file;
      names.push_back(tenant.name);
    }
  }
  for (const auto& [tenant, file] : options.traces) {
    if (names.empty()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("use trace {}: scenario '{}' has no tenant with arrivals of kind "
                              "\"trace\"; leave --trace out",
                              file.string(), scenario.name));
    }
    if (tenant.empty() && names.size() > 1) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("use trace {}: scenario '{}' has {} tenants with a trace; write "
                              "--trace TENANT=FILE",
                              file.string(), scenario.name, names.size()));
    }
    const std::string name = tenant.empty() ? std::string(names.front()) : tenant;
    if (!files.contains(name)) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("use trace {}: no tenant '{}' has arrivals of kind \"trace\"{}",
                              file.string(), name, suggestion(name, names)));
    }
    files[name] = file;
  }
  return files;
}

Result<Requests> traced_requests(const TenantScenario& tenant, const TraceArrivals& spec,
                                 const std::filesystem::path& file,
                                 std::vector<std::string>& notes) {
  if (file.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read trace of tenant '{}': none is named; give one with --trace FILE",
                            tenant.name));
  }
  Result<Trace> trace = load_azure_trace(file, spec.on_error);
  if (!trace) {
    Error error = std::move(trace).error();
    if (error.code == Errc::kIo) {
      error.what += ", or give a trace with --trace FILE";
    }
    return tl::unexpected<Error>(std::move(error));
  }
  if (trace->skipped != 0) {
    notes.push_back(fmt::format("{}: {} lines skipped; the first: {}", tenant.name, trace->skipped,
                                trace->first_skipped));
  }
  Requests requests;
  requests.times.reserve(trace->requests.size());
  requests.tokens.reserve(trace->requests.size());
  for (const TraceRequest& request : trace->requests) {
    const double at = static_cast<double>(to_ns(request.at)) / spec.rate_scale;
    requests.times.emplace_back(spec.rate_scale == 1 ? request.at : Duration(std::llround(at)));
    requests.tokens.push_back(
        {.context = request.context_tokens, .output = request.generated_tokens});
  }
  return requests;
}

}  // namespace

Result<Traced> read_traces(const Scenario& scenario, const CompileOptions& options,
                           std::vector<std::string>& notes) {
  Traced traced;
  TraceFiles files;
  GPREEMPT_TRY(store(files, trace_files(scenario, options)));
  Duration last{};
  for (const TenantScenario& tenant : scenario.tenants) {
    const TraceArrivals* spec = trace_of(tenant);
    if (spec == nullptr) {
      continue;
    }
    Requests& requests = traced.requests[tenant.name];
    GPREEMPT_TRY(store(requests, traced_requests(tenant, *spec, files.at(tenant.name), notes)));
    last = std::max(last, requests.times.back());
  }
  if (!scenario.run.duration && last == Duration::zero()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("take the duration of scenario '{}' from its trace: the first request "
                            "is also the last, or all come at one instant; say with --duration "
                            "how long the run is",
                            scenario.name));
  }
  // One more nanosecond, so that the last request is before the end.
  traced.duration = scenario.run.duration.value_or(last + Duration(1));
  return traced;
}

Result<Requests> requests_of(const TenantScenario& tenant, const Traced& traced,
                             std::uint64_t seed) {
  Requests requests;
  if (!tenant.arrivals) {
    return requests;
  }
  if (trace_of(tenant) != nullptr) {
    return traced.requests.at(tenant.name);
  }
  if (const auto* listed = std::get_if<ListedArrivals>(&*tenant.arrivals)) {
    requests.times = listed->times;
    return requests;
  }
  if (std::holds_alternative<ClosedLoopArrivals>(*tenant.arrivals)) {
    return requests;
  }
  const double expected =
      rate_of(*tenant.arrivals) * static_cast<double>(to_ns(traced.duration)) / kNsPerSecond;
  if (expected > kMaxArrivals) {
    return fail(Errc::kInvalidArgument,
                fmt::format("compile tenant '{}': {:g} arrivals; lower the rate or the duration, "
                            "the most is {:g}",
                            tenant.name, expected, kMaxArrivals));
  }
  RandomStream stream(seed, "arrivals/" + tenant.name);
  if (const auto* periodic = std::get_if<PeriodicArrivals>(&*tenant.arrivals)) {
    requests.times = periodic_arrivals(*periodic, traced.duration);
  } else if (const auto* uniform = std::get_if<UniformArrivals>(&*tenant.arrivals)) {
    requests.times = uniform_arrivals(*uniform, traced.duration, stream);
  } else {
    requests.times =
        random_arrivals(std::get<RandomArrivals>(*tenant.arrivals), traced.duration, stream);
  }
  return requests;
}

}  // namespace gpreempt
