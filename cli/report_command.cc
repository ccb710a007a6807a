#include "cli/report_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/report/document.h"
#include "cli/report/run_document.h"
#include "cli/report/run_files.h"
#include "cli/report/study_document.h"
#include "cli/report/study_files.h"
#include "cli/report_options.h"
#include "cli/study_folder.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"

#ifdef GPREEMPT_CLI_HAS_KFD
#include "cli/poc_folder.h"
#include "experiments/poc_evidence.h"
#include "experiments/poc_report.h"
#endif

namespace gpreempt::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPage = "report.html";

constexpr std::string_view kReportFooter =
    R"(
What it does:
  Makes a page from the files of a folder that `run --out` or `study --out` wrote: the verdict
  first, then latencies, work, timeline and requests of a run, or the answer, the Pareto front and
  what hangs on a guess of a study. The page is one file, holds all it needs, and asks the network
  for nothing. The same folder gives the same bytes; `run --out` and `study --out` write the page,
  too. docs/report.md says how to read one.
  --kind poc puts together what `experiment --out`, `validate-hardware --out` and `run --out` wrote
  into DIR and into the folders in it: test report, performance analysis, and the recommendation for
  stage 2 (docs/poc-report.md).

Examples:
  gpreempt report out/
  gpreempt report out/ --format md >> "$GITHUB_STEP_SUMMARY"
  gpreempt report study-out/ --out page.html
  gpreempt report results/ --kind poc --format md

Exit codes:
  0  done     2  usage, or a folder or file that was refused     3  a file cannot be written)";

class ReportLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const report =
        app.add_subcommand("report", "A folder of `run --out` or `study --out` as a page");
    report->add_option("DIR", folder_, "The folder")->required();
    report->add_option("--format", format_, "html or md")->capture_default_str();
    report->add_option("--kind", kind_,
                       "run, study or poc; without it what the folder's files say");
    report->add_option("--out", out_,
                       "A file, or - for stdout; without it DIR/report.html, and md on stdout");
    report->footer(std::string(kReportFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    ReportOptions options;
    options.folder = folder_;
    options.out = out_;
    if (format_ == "md") {
      options.format = ReportFormat::kMarkdown;
    } else if (format_ != "html") {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading --format '{}': no such format; use html or md", format_));
    }
    if (kind_ == "run") {
      options.kind = ReportKind::kRun;
    } else if (kind_ == "study") {
      options.kind = ReportKind::kStudy;
    } else if (kind_ == "poc") {
      options.kind = ReportKind::kPoc;
    } else if (!kind_.empty()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading --kind '{}': no such kind; use run, study or poc", kind_));
    }
    return Command{std::move(options)};
  }

 private:
  std::string folder_;
  std::string format_ = "html";
  std::string kind_;
  std::string out_;
};

Result<ReportKind> kind_of(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("make a report of {}: there is no such folder; name one that "
                            "`gpreempt run --out` or `gpreempt study --out` wrote",
                            folder.string()));
  }
  if (fs::exists(folder / "summary.json", error)) {
    return ReportKind::kRun;
  }
  if (fs::exists(folder / "analysis.json", error)) {
    return ReportKind::kStudy;
  }
  if (fs::exists(folder / "verdicts.json", error)) {
    return ReportKind::kPoc;
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("make a report of {}: it holds neither summary.json (of a run) nor "
                          "analysis.json (of a study) nor verdicts.json; name a folder of a "
                          "finished `gpreempt run --out` or `gpreempt study --out`, or say --kind "
                          "poc of one with several in it",
                          folder.string()));
}

/// Verdicts and runs together.
Result<std::string> poc_text(const fs::path& folder, bool is_html) {
#ifdef GPREEMPT_CLI_HAS_KFD
  experiments::PocEvidence evidence;
  GPREEMPT_TRY(store(evidence, read_poc_folder(folder)));
  const experiments::PocReport report = experiments::poc_report(evidence);
  return is_html ? experiments::poc_html(report) : experiments::poc_markdown(report);
#else
  (void)is_html;
  return fail(Errc::kUnsupported,
              fmt::format("make a report of {}: this build has no experiments; build with "
                          "GPREEMPT_WITH_KFD=ON on Linux",
                          folder.string()));
#endif
}

Result<report::Document> document_of(const fs::path& folder, ReportKind kind) {
  if (kind == ReportKind::kRun) {
    report::RunFiles files;
    GPREEMPT_TRY(store(files, report::read_run_files(folder)));
    return report::run_document(files);
  }
  report::StudyFiles files;
  GPREEMPT_TRY(store(files, report::read_study_files(folder)));
  return report::study_document(files);
}

/// The page's or the Markdown's text.
Result<std::string> page_text(const ReportOptions& options, ReportKind kind) {
  const bool is_html = options.format == ReportFormat::kHtml;
  if (kind == ReportKind::kPoc) {
    return poc_text(options.folder, is_html);
  }
  report::Document document;
  GPREEMPT_TRY(store(document, document_of(options.folder, kind)));
  return is_html ? report::to_html(document) : report::to_markdown(document);
}

}  // namespace

std::unique_ptr<VerbLine> report_line() { return std::make_unique<ReportLine>(); }

Result<void> write_page(const fs::path& folder, ReportKind kind) {
  report::Document document;
  GPREEMPT_TRY(store(document, document_of(folder, kind)));
  return write_study_file(folder / kPage, report::to_html(document));
}

Result<ExitCode> report_command(const ReportOptions& options) {
  ReportKind kind = options.kind.value_or(ReportKind::kRun);
  if (!options.kind) {
    GPREEMPT_TRY(store(kind, kind_of(options.folder)));
  }
  std::string text;
  GPREEMPT_TRY(store(text, page_text(options, kind)));
  const bool is_html = options.format == ReportFormat::kHtml;
  if (options.out == "-" || (options.out.empty() && !is_html)) {
    GPREEMPT_TRY(print(text));
    return ExitCode::kOk;
  }
  const fs::path file = options.out.empty() ? options.folder / kPage : options.out;
  GPREEMPT_TRY(write_study_file(file, text));
  GPREEMPT_TRY(print(file.string() + "\n"));
  return ExitCode::kOk;
}

}  // namespace gpreempt::cli
