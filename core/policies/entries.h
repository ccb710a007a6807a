#pragma once

#include "core/policy.h"

namespace gpreempt {

// The row of each policy, defined in the policy's own file: core/policies/k_edf.cc has k_edf_entry.
// The list is made from the names of the files.
#define GPREEMPT_POLICY(name) [[nodiscard]] PolicyEntry name##_entry();
#include "core/policy_list.inc"
#undef GPREEMPT_POLICY

}  // namespace gpreempt
