#pragma once

#include <string>
#include <string_view>

/// The words of --help and --version.
namespace gpreempt::cli {

extern const std::string_view kVersion;
extern const std::string_view kVersionLine;
/// The version and the commit that this was built from, as far as the build could tell.
extern const std::string_view kBuiltFrom;
extern const std::string_view kToolSummary;
extern const std::string_view kToolFooter;
extern const std::string_view kRunSummary;
/// Lists the mechanisms as well.
[[nodiscard]] std::string run_footer();

}  // namespace gpreempt::cli
