#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/report/document.h"
#include "cli/report/run_files.h"

/// A run of one policy with numbers that can be checked by hand.
namespace gpreempt::report::testing {

/// Policy "p:a=1,b=2": starts at 1 s, warm-up 1 s, 10 s long. Requests of `guard` arrive every
/// 100 ms from the start on, 100 of them; request i takes (i + 1) * 0.1 ms. One of an Offline
/// tenant is there, too.
[[nodiscard]] RunFiles sample_run();
/// Its summary, to be changed.
[[nodiscard]] nlohmann::ordered_json sample_summary();
/// The document's section with that title; fails the test if there is none.
[[nodiscard]] const Section& section_of(const Document& document, const std::string& title);
/// Data of the section's chart.
[[nodiscard]] nlohmann::json chart_of(const Section& section, const std::string& id);

}  // namespace gpreempt::report::testing
