#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/expectations.h"

/// The lists of tests/expectations, for the tests of this program.
namespace gpreempt::contract {

/// All of them, read once. Errors: those of `load_divergences`.
[[nodiscard]] const Result<std::vector<Divergence>>& known_divergences();

/// Today, this version, and what the command line allows.
[[nodiscard]] const Present& present();

/// "Backend/SuspendTest.SuspendedQueueMakesNoProgress/Mi308x"
[[nodiscard]] std::string full_name(const testing::TestInfo& test);

/// Why the running test is left out in this world; empty if it is not.
[[nodiscard]] std::string why_left_out();

}  // namespace gpreempt::contract
