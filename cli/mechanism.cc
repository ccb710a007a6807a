#include "cli/mechanism.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/name_spec.h"
#include "core/nearest.h"

namespace gpreempt::cli {
namespace {

struct Mechanism {
  std::string_view name;
  ControlKind needs;
};

constexpr std::array<Mechanism, 9> kMechanisms = {{
    {.name = "suspend-queues", .needs = ControlKind::kSuspend},
    {.name = "queue-percent", .needs = ControlKind::kPercentage},
    {.name = "priority", .needs = ControlKind::kPriority},
    {.name = "cu-mask", .needs = ControlKind::kCuMask},
    {.name = "launch-throttle", .needs = ControlKind::kThrottle},
    {.name = "kernel-boundary", .needs = ControlKind::kThrottle},
    {.name = "reset", .needs = ControlKind::kReset},
    {.name = "sigstop", .needs = ControlKind::kSignal},
    {.name = "selective-unmap", .needs = ControlKind::kSelectiveUnmap},
}};

const Mechanism* find(std::string_view name) {
  const auto* const found = std::ranges::find(kMechanisms, name, &Mechanism::name);
  return found == kMechanisms.end() ? nullptr : found;
}

}  // namespace

Result<void> check_mechanism_name(std::string_view text) {
  NameSpec spec;
  GPREEMPT_TRY(store(spec, parse_name_spec("mechanism", text)));
  if (find(spec.name) == nullptr) {
    std::vector<std::string_view> names;
    names.reserve(kMechanisms.size());
    for (const Mechanism& mechanism : kMechanisms) {
      names.push_back(mechanism.name);
    }
    return fail(Errc::kInvalidArgument,
                fmt::format("reading mechanism '{}': no mechanism of that name{}", text,
                            suggestion(spec.name, names)));
  }
  const bool has_options = !spec.options.empty() || !spec.bare.empty();
  if (find(spec.name)->needs == ControlKind::kSuspend && has_options) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading mechanism '{}': {} takes no options", text, spec.name));
  }
  return {};
}

Result<void> check_mechanism(std::string_view text, const BackendInfo& info) {
  const std::string_view name = text.substr(0, text.find(':'));
  const Mechanism* mechanism = find(name);
  GPREEMPT_CHECK(mechanism != nullptr);
  const std::string& missing = info.missing(mechanism->needs);
  if (!missing.empty()) {
    return fail(Errc::kUnsupported, fmt::format("use mechanism '{}': {}", text, missing));
  }
  if (mechanism->needs != ControlKind::kSuspend) {
    return fail(Errc::kUnsupported,
                fmt::format("use mechanism '{}': the backend offers {}, but the scheduler drives "
                            "suspend-queues only in this version; use that",
                            text, to_string(mechanism->needs)));
  }
  return {};
}

}  // namespace gpreempt::cli
