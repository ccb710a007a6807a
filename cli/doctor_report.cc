#include "cli/doctor_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/doctor/doctor.h"

namespace gpreempt::cli {
namespace {

using DoctorFinding = kfd::doctor::Finding;
using DoctorVerdict = kfd::doctor::Verdict;

constexpr std::size_t kLineWidth = 110;
constexpr std::size_t kColumnGap = 2;
constexpr std::array<DoctorVerdict, 5> kWorstFirst = {
    DoctorVerdict::kBlocked, DoctorVerdict::kWarning, DoctorVerdict::kUnknown, DoctorVerdict::kNote,
    DoctorVerdict::kOk};

/// `text` in lines that end before `kLineWidth`, the first one at the cursor, the others indented.
std::string wrapped(std::string_view text, std::size_t indent) {
  const std::size_t room = kLineWidth - std::min(indent, kLineWidth / 2);
  std::string lines;
  while (text.size() > room) {
    std::size_t cut = text.rfind(' ', room);
    cut = cut == std::string_view::npos || cut == 0 ? text.find(' ', room) : cut;
    if (cut == std::string_view::npos) {
      break;
    }
    lines += text.substr(0, cut);
    lines += "\n" + std::string(indent, ' ');
    text.remove_prefix(cut + 1);
  }
  return lines + std::string(text) + "\n";
}

std::string counts_of(const std::vector<DoctorFinding>& findings) {
  std::string text;
  for (const DoctorVerdict verdict : kWorstFirst) {
    const auto count = std::ranges::count(findings, verdict, &DoctorFinding::verdict);
    if (count > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(verdict));
    }
  }
  return text;
}

std::vector<DoctorFinding> worst_first(const std::vector<DoctorFinding>& findings) {
  std::vector<DoctorFinding> sorted;
  for (const DoctorVerdict verdict : kWorstFirst) {
    std::ranges::copy_if(findings, std::back_inserter(sorted),
                         [&](const DoctorFinding& finding) { return finding.verdict == verdict; });
  }
  return sorted;
}

}  // namespace

std::string doctor_text(const std::vector<DoctorFinding>& in_order) {
  const std::vector<DoctorFinding> findings = worst_first(in_order);
  std::size_t id_width = 0;
  std::size_t subject_width = 0;
  for (const DoctorFinding& finding : findings) {
    id_width = std::max(id_width, finding.id.size());
    subject_width = std::max(subject_width, finding.subject.size());
  }
  constexpr std::size_t kVerdictWidth = 7;
  const std::size_t indent = kVerdictWidth + id_width + subject_width + 3 * kColumnGap;
  std::string text;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const DoctorFinding& finding = findings[i];
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  ", to_string(finding.verdict), kVerdictWidth,
                        finding.id, id_width, finding.subject, subject_width);
    text += wrapped(finding.reason, indent);
    // One after another with the same fix share it.
    const bool is_shared = i + 1 < findings.size() && findings[i + 1].fix == finding.fix;
    if (!finding.fix.empty() && !is_shared) {
      text += std::string(indent, ' ') + wrapped("fix: " + finding.fix, indent);
    }
  }
  return text + fmt::format("\nverdict: {} ({})\n", to_string(kfd::doctor::overall(findings)),
                            counts_of(findings));
}

std::string doctor_json(const std::vector<DoctorFinding>& findings) {
  nlohmann::ordered_json json;
  json["schema"] = 1;
  json["verdict"] = std::string(to_string(kfd::doctor::overall(findings)));
  json["findings"] = nlohmann::ordered_json::array();
  for (const DoctorFinding& finding : findings) {
    nlohmann::ordered_json each;
    each["id"] = finding.id;
    each["subject"] = finding.subject;
    each["verdict"] = std::string(to_string(finding.verdict));
    each["reason"] = finding.reason;
    each["fix"] = finding.fix;
    json["findings"].push_back(std::move(each));
  }
  // A file of another machine may hold any bytes.
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::cli
