#pragma once

#include <memory>
#include <span>

#include "core/policy.h"

/// The row of each policy, defined in the policy's own file; `core/policy.cc` puts them in order.
namespace gpreempt {

[[nodiscard]] PolicyEntry none_entry();
[[nodiscard]] PolicyEntry suspend_entry();
[[nodiscard]] PolicyEntry linger_entry();
[[nodiscard]] PolicyEntry slice_entry();
[[nodiscard]] PolicyEntry priority_entry();
[[nodiscard]] PolicyEntry timeshare_entry();
[[nodiscard]] PolicyEntry loss_budget_entry();
[[nodiscard]] PolicyEntry deadline_entry();
[[nodiscard]] PolicyEntry break_even_entry();
[[nodiscard]] PolicyEntry coalesce_entry();
[[nodiscard]] PolicyEntry k_edf_entry();
[[nodiscard]] PolicyEntry laxity_entry();
[[nodiscard]] PolicyEntry partition_entry();
[[nodiscard]] PolicyEntry fair_entry();
[[nodiscard]] PolicyEntry mlfq_entry();

/// `min-run`, `hold-off` and `credit`, which every policy takes; all off by default.
[[nodiscard]] std::span<const PolicyOption> guard_options();

/// Reads the guard's options, and puts `policy` behind it if one of them was given.
/// Errors: kInvalidArgument (an option's value).
[[nodiscard]] Result<std::unique_ptr<Policy>> guarded(OptionReader& options,
                                                      std::unique_ptr<Policy> policy);

}  // namespace gpreempt
