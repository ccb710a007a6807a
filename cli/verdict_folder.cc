#include "cli/verdict_folder.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/exit_code.h"
#include "cli/output_folder.h"
#include "core/error.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kVerdictsFile = "verdicts.json";

}  // namespace

Result<void> write_verdicts(const std::filesystem::path& folder, const std::string& document) {
  std::error_code ignored;
  const bool ours = std::filesystem::exists(folder / kVerdictsFile, ignored);
  GPREEMPT_TRY(make_output_folder(folder, "verdicts", kVerdictsFile, ours));
  return write_text(folder / kVerdictsFile, document);
}

ExitCode exit_code_of(const std::vector<experiments::Verdict>& verdicts) {
  const auto is = [](experiments::Answer answer) {
    return [answer](const experiments::Verdict& verdict) { return verdict.answer == answer; };
  };
  if (experiments::failed_in_hardware(verdicts) ||
      std::ranges::all_of(verdicts, is(experiments::Answer::kUnavailable))) {
    return ExitCode::kEnvironment;
  }
  return std::ranges::any_of(verdicts, is(experiments::Answer::kMissed)) ? ExitCode::kGateFailed
                                                                         : ExitCode::kOk;
}

}  // namespace gpreempt::cli
