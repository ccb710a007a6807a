#include "cli/process_binding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/target_selector.h"
#include "cli/process_options.h"
#include "core/error.h"
#include "core/policy.h"
#include "workloads/compile.h"

namespace gpreempt::cli {
namespace {

using Bound = std::map<std::string, kfd::TenantCommand>;

/// Gives the values of one option to tenants.
class Binder {
 public:
  Binder(const Workload& workload, TenantClass cls, std::string_view option, Bound& bound)
      : workload_(workload), cls_(cls), option_(option), bound_(bound) {}

  Result<void> command(const std::string& text, bool says_ready) {
    Place place;
    GPREEMPT_TRY(find(text, false, place));
    kfd::TenantCommand& who = bound_[place.tenant->name];
    who.argv = {"/bin/sh", "-c", place.rest};
    who.says_ready = says_ready;
    who.processes = place.tenant->programs;
    return {};
  }

  Result<void> target(const std::string& text) {
    Place place;
    GPREEMPT_TRY(find(text, true, place));
    auto selector = kfd::parse_target(place.rest);
    if (!selector) {
      return tl::unexpected<Error>(
          Error{.code = selector.error().code,
                .sys_errno = 0,
                .what = fmt::format("reading {} '{}': {}", option_, text, selector.error().what)});
    }
    kfd::TenantCommand& who = bound_[place.tenant->name];
    who.existing.push_back(*std::move(selector));
    who.processes = place.tenant->programs;
    return {};
  }

 private:
  struct Place {
    const TenantMeta* tenant = nullptr;
    std::string rest;
  };

  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& text,
                                             const std::string& reason) const {
    return fail(Errc::kInvalidArgument, fmt::format("reading {} '{}': {}", option_, text, reason));
  }

  [[nodiscard]] std::string tenants() const {
    std::string names;
    for (const TenantMeta& tenant : workload_.tenants) {
      if (tenant.cls == cls_) {
        names += (names.empty() ? "" : ", ") + tenant.name;
      }
    }
    return names.empty() ? "none" : names;
  }

  /// `may_join`: several may be for one tenant, if they name it.
  Result<void> find(const std::string& text, bool may_join, Place& place) const {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals == std::string::npos ? 0 : equals);
    const auto named = std::ranges::find(workload_.tenants, name, &TenantMeta::name);
    const bool is_named = !name.empty() && named != workload_.tenants.end();
    place.rest = is_named ? text.substr(equals + 1) : text;
    if (is_named && named->cls != cls_) {
      return refuse(text, fmt::format("tenant {} is of the other class; the scenario has {}", name,
                                      tenants()));
    }
    const auto next =
        is_named ? named : std::ranges::find_if(workload_.tenants, [&](const TenantMeta& tenant) {
          return tenant.cls == cls_ && !bound_.contains(tenant.name);
        });
    if (next == workload_.tenants.end()) {
      return refuse(text, fmt::format("every such tenant of the scenario has somebody ({}); leave "
                                      "it out, or write TENANT=...",
                                      tenants()));
    }
    const auto taken = bound_.find(next->name);
    const bool may_be_taken =
        taken == bound_.end() || (may_join && is_named && taken->second.argv.empty());
    if (!may_be_taken) {
      return refuse(text, fmt::format("tenant {} has somebody already", next->name));
    }
    if (place.rest.find_first_not_of(" \t") == std::string::npos) {
      return refuse(text, "it is empty");
    }
    place.tenant = &*next;
    return {};
  }

  const Workload& workload_;
  TenantClass cls_;
  std::string_view option_;
  Bound& bound_;
};

/// Those that name a tenant first: what is left is for the others, in order.
std::vector<std::string> named_first(const std::vector<std::string>& texts,
                                     const Workload& workload) {
  const auto is_named = [&](const std::string& text) {
    const std::string name = text.substr(0, text.find('='));
    return name.size() != text.size() &&
           std::ranges::find(workload.tenants, name, &TenantMeta::name) != workload.tenants.end();
  };
  std::vector<std::string> ordered;
  std::ranges::copy_if(texts, std::back_inserter(ordered), is_named);
  std::ranges::copy_if(texts, std::back_inserter(ordered), std::not_fn(is_named));
  return ordered;
}

}  // namespace

Result<Bound> bind_processes(const ProcessOptions& options, const Workload& workload) {
  Bound bound;
  Binder online(workload, TenantClass::kOnline, "--online", bound);
  Binder offline(workload, TenantClass::kOffline, "--offline", bound);
  Binder online_pids(workload, TenantClass::kOnline, "--online-pid", bound);
  Binder offline_pids(workload, TenantClass::kOffline, "--offline-pid", bound);
  for (const std::string& text : named_first(options.online, workload)) {
    GPREEMPT_TRY(online.command(text, options.await_ready));
  }
  for (const std::string& text : named_first(options.offline, workload)) {
    GPREEMPT_TRY(offline.command(text, options.await_ready));
  }
  for (const std::string& text : named_first(options.online_pids, workload)) {
    GPREEMPT_TRY(online_pids.target(text));
  }
  for (const std::string& text : named_first(options.offline_pids, workload)) {
    GPREEMPT_TRY(offline_pids.target(text));
  }
  return bound;
}

}  // namespace gpreempt::cli
