#include "cli/study_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/option_values.h"
#include "config/document.h"
#include "core/error.h"
#include "study/shipped.h"
#include "study/study_file.h"

namespace gpreempt::cli {

Result<std::string> list_of_studies(OutputFormat format) {
  std::vector<study::StudyFile> studies;
  std::size_t width = 0;
  for (const study::EmbeddedStudy& each : study::embedded_studies()) {
    GPREEMPT_TRY(store(studies.emplace_back(),
                       study::parse_study(std::string(each.text), std::string(each.name), false)));
    width = std::max(width, each.name.size());
  }
  if (format == OutputFormat::kJson) {
    nlohmann::ordered_json json{{"schema", 1}, {"studies", nlohmann::ordered_json::array()}};
    for (const study::StudyFile& each : studies) {
      json["studies"].push_back(
          {{"name", each.name}, {"question", each.question}, {"scenario", each.scenario}});
    }
    return json.dump(2) + "\n";
  }
  std::string text = "Built-in studies, as `gpreempt study NAME [--quick]`\n";
  for (const study::StudyFile& each : studies) {
    text += fmt::format("  {:{}}  {}\n", each.name, width, each.question);
  }
  return text;
}

}  // namespace gpreempt::cli
