#pragma once

#include <filesystem>
#include <optional>

namespace gpreempt::cli {

enum class ReportKind { kRun, kStudy, kPoc };
enum class ReportFormat { kHtml, kMarkdown };

/// `gpreempt report` as written.
struct ReportOptions {
  std::filesystem::path folder;
  ReportFormat format = ReportFormat::kHtml;
  std::optional<ReportKind> kind;  ///< nullopt: what the folder's files say
  /// Empty: report.html in the folder, Markdown on stdout. "-": stdout.
  std::filesystem::path out;
};

}  // namespace gpreempt::cli
