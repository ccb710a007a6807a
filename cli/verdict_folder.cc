#include "cli/verdict_folder.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "cli/output_folder.h"
#include "core/error.h"

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

}  // namespace gpreempt::cli
