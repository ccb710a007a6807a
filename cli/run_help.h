#pragma once

#include <string>
#include <string_view>

/// The words of --help and --version.
namespace gpreempt::cli {

extern const std::string_view kVersion;
extern const std::string_view kVersionLine;
extern const std::string_view kToolSummary;
extern const std::string_view kToolFooter;
extern const std::string_view kRunSummary;
/// Lists the mechanisms as well.
[[nodiscard]] std::string run_footer();

}  // namespace gpreempt::cli
