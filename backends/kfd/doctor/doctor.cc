#include "backends/kfd/doctor/doctor.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd::doctor {
namespace {

std::array<std::span<const Check>, 7> all_checks() {
  return {driver_checks(),     parameter_checks(), gpu_checks(),   device_checks(),
          permission_checks(), box_checks(),       target_checks()};
}

Finding make(Verdict verdict, std::string_view subject, std::string reason, std::string fix) {
  return {.id = {},
          .subject = std::string(subject),
          .verdict = verdict,
          .reason = std::move(reason),
          .fix = std::move(fix)};
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk: return "ok";
    case Verdict::kNote: return "note";
    case Verdict::kUnknown: return "unknown";
    case Verdict::kWarning: return "warning";
    case Verdict::kBlocked: return "blocked";
  }
  return "invalid";
}

std::vector<Finding> examine(Os& os, const DoctorOptions& options) {
  Box box(os, options);
  std::vector<Finding> findings;
  for (const std::span<const Check> group : all_checks()) {
    for (const Check& check : group) {
      for (Finding& finding : check.run(box)) {
        finding.id = std::string(check.id);
        findings.push_back(std::move(finding));
      }
    }
  }
  return findings;
}

Verdict overall(std::span<const Finding> findings) {
  Verdict worst = Verdict::kOk;
  for (const Finding& finding : findings) {
    worst = std::max(worst, finding.verdict);
  }
  return worst;
}

std::vector<std::string_view> check_ids() {
  std::vector<std::string_view> ids;
  for (const std::span<const Check> group : all_checks()) {
    for (const Check& check : group) {
      ids.push_back(check.id);
    }
  }
  return ids;
}

Findings for_each_gpu(Box& box, Finding (*judge)(Box& box, const Box::Gpu& gpu)) {
  Findings findings;
  if (const auto& gpus = box.gpus()) {
    for (const Box::Gpu& gpu : *gpus) {
      findings.push_back(judge(box, gpu));
    }
  }
  return findings;
}

Finding ok(std::string_view subject, std::string reason) {
  return make(Verdict::kOk, subject, std::move(reason), {});
}
Finding note(std::string_view subject, std::string reason, std::string fix) {
  return make(Verdict::kNote, subject, std::move(reason), std::move(fix));
}
Finding unknown(std::string_view subject, std::string reason, std::string fix) {
  return make(Verdict::kUnknown, subject, std::move(reason), std::move(fix));
}
Finding warning(std::string_view subject, std::string reason, std::string fix) {
  return make(Verdict::kWarning, subject, std::move(reason), std::move(fix));
}
Finding blocked(std::string_view subject, std::string reason, std::string fix) {
  return make(Verdict::kBlocked, subject, std::move(reason), std::move(fix));
}

}  // namespace gpreempt::kfd::doctor
