#include "cli/soak_report.h"

#include <fmt/format.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/run_help.h"
#include "cli/table.h"
#include "core/fault.h"
#include "soak/campaign.h"

namespace gpreempt::cli {
namespace {

using SoakJson = nlohmann::ordered_json;

}  // namespace

std::string soak_text(const SoakReport& report) {
  const soak::CampaignResult& campaign = report.campaign;
  Table table({"fault", "struck"});
  for (const FaultKind kind : fault_kinds()) {
    table.add_row({std::string(to_string(kind)),
                   fmt::format("{}", campaign.struck.at(static_cast<std::size_t>(kind)))});
  }
  std::string text = table.render(0);
  for (const soak::CampaignResult::Failure& failure : campaign.failures) {
    text += fmt::format("seed {} failed; replay it with {} and `gpreempt soak --replay {}`\n",
                        failure.seed, kBuiltFrom, failure.seed);
    for (const std::string& violation : failure.violations) {
      text += fmt::format("  {}\n", violation);
    }
  }
  if (!report.smallest.empty()) {
    text += "the first of them, as small as it still fails:\n" + report.smallest;
  }
  for (const std::string& kind : report.never_struck) {
    text += fmt::format("{}: it struck in no run; take more seeds\n", kind);
  }
  return text + fmt::format("{} seeds, {} suspends and {} resumes, {} failed, {:.1f} s\n",
                            campaign.seeds, campaign.suspends, campaign.resumes,
                            campaign.failures.size(), report.wall_s);
}

std::string soak_json(const SoakReport& report) {
  const soak::CampaignResult& campaign = report.campaign;
  SoakJson json;
  json["schema"] = 1;
  json["built_from"] = std::string(kBuiltFrom);
  json["seeds"] = campaign.seeds;
  json["suspends"] = campaign.suspends;
  json["resumes"] = campaign.resumes;
  json["results"] = SoakJson::array();
  for (const FaultKind kind : fault_kinds()) {
    const auto struck = campaign.struck.at(static_cast<std::size_t>(kind));
    SoakJson result;
    result["name"] = "fault " + std::string(to_string(kind));
    result["value"] = struck;
    result["expected"] = "at least 1";
    result["verdict"] = struck > 0 ? "met" : "missed";
    json["results"].push_back(std::move(result));
  }
  for (const soak::CampaignResult::Failure& failure : campaign.failures) {
    SoakJson result;
    result["name"] = fmt::format("seed {}", failure.seed);
    result["value"] = failure.violations;
    result["expected"] = "no violation";
    result["verdict"] = "missed";
    json["results"].push_back(std::move(result));
  }
  json["smallest"] = report.smallest.empty() ? SoakJson() : SoakJson(report.smallest);
  json["sim"] = {{"wall_s", report.wall_s}};
  constexpr int kIndent = 2;
  return json.dump(kIndent) + "\n";
}

}  // namespace gpreempt::cli
