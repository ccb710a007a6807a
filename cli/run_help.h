#pragma once

#include <string_view>

/// The words of --help and --version.
namespace gpreempt::cli {

extern const std::string_view kVersion;
extern const std::string_view kVersionLine;
extern const std::string_view kToolSummary;
extern const std::string_view kToolFooter;
extern const std::string_view kRunSummary;
extern const std::string_view kRunFooter;

}  // namespace gpreempt::cli
