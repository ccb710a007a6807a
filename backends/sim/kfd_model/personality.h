#pragma once

#include <span>
#include <string_view>

#include "core/error.h"

namespace gpreempt::sim {

/// The rules that differ between drivers. Sources: the named kernel trees; see docs/model.md.
struct Personality {
  std::string_view name;
  /// After ENABLE any thread of the debugger's process may issue later operations (checked before
  /// every operation, DISABLE too). Otherwise only the ptrace parent's thread may, and DISABLE is
  /// not checked at all.
  bool debugger_process_counts = false;
};

[[nodiscard]] std::span<const Personality> personalities();
/// Errors: kInvalidArgument naming the nearest valid one.
[[nodiscard]] Result<Personality> find_personality(std::string_view name);

}  // namespace gpreempt::sim
