#include "cli/explain_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/explain.h"
#include "cli/explain_words.h"
#include "cli/report_text.h"
#include "cli/request_parts.h"
#include "cli/request_verdict.h"
#include "cli/table.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

using Json = nlohmann::ordered_json;
using Out = std::back_insert_iterator<std::string>;

Verdict opposite(Verdict verdict) {
  return verdict == Verdict::kRun ? Verdict::kSuspend : Verdict::kRun;
}

std::string_view state_of(Verdict verdict) { return verdict == Verdict::kRun ? "run" : "off"; }

std::string after(Instant at, const Explanation& explanation) {
  const Duration since = at - explanation.request.arrival;
  return since == Duration{}  ? std::string("at arrival")
         : since > Duration{} ? fmt::format("{} after arrival", human_time(since))
                              : fmt::format("{} before arrival", human_time(-since));
}

std::string name_of(TenantId id, const Explanation& explanation) {
  return id.value() < explanation.tenants.size() ? explanation.tenants[id.value()]
                                                 : fmt::format("tenant {}", id);
}

std::string_view verdict_sentence(RequestVerdict verdict) {
  switch (verdict) {
    case RequestVerdict::kNotPreempted: return "not preempted for: Offline was to run all the time";
    case RequestVerdict::kPreempted: return "preempted for: Offline was taken off after it arrived";
    case RequestVerdict::kFoundOff:
      return "nothing to preempt: Offline was off already when it arrived";
  }
  return "";
}

std::string told_sentence(const Explanation& explanation) {
  const auto when = [&] {
    GPREEMPT_CHECK(explanation.told_at.has_value());
    return after(*explanation.told_at, explanation);
  };
  switch (explanation.told) {
    case Told::kHint: return "by a hint, " + when();
    case Told::kEdge: return "its tenant was seen to turn busy, " + when();
    case Told::kAlready: return "its tenant was known to be busy already";
    case Told::kNever: return "the scheduler did not learn of it before its end";
  }
  return "";
}

void put_head(Out out, const Explanation& explanation) {
  const RequestRecord& request = explanation.request;
  fmt::format_to(out,
                 "request    {} of tenant {} (0 to {}), policy {}, scenario {}, seed {}\n"
                 "arrival    {:.9f} s on the clock of events.jsonl\n"
                 "detected   {}\n"
                 "verdict    {}\n",
                 request.request, explanation.tenant, explanation.requests - 1,
                 explanation.run.policy, explanation.run.scenario, explanation.run.seed,
                 static_cast<double>(to_ns(request.arrival)) / kNsPerSecond,
                 told_sentence(explanation), verdict_sentence(explanation.verdict));
  if (request.end == kForever) {
    fmt::format_to(out, "latency    it did not end\n");
    return;
  }
  const Duration latency = request.end - request.arrival;
  fmt::format_to(out, "latency    {}", human_time(latency));
  if (explanation.alone) {
    fmt::format_to(out, "; {} without Offline, so {} were added", human_time(*explanation.alone),
                   human_time(latency - *explanation.alone));
  }
  fmt::format_to(out, "\n");
}

void put_opinions(Out out, const Explanation& explanation) {
  constexpr std::size_t kShown = 12;
  const std::vector<Opinion>& opinions = explanation.opinions;
  if (opinions.empty()) {
    fmt::format_to(out,
                   "\nThe policy was not asked while the request was there: nothing that it looks "
                   "at changed.\n");
    return;
  }
  Table table({"when", "Offline", "GPU", "wants", "because", "it saw", "asked", "so"});
  std::set<Reason> reasons;
  for (std::size_t i = 0; i < opinions.size(); ++i) {
    if (i >= kShown && i + 1 < opinions.size()) {
      continue;
    }
    const Opinion& each = opinions[i];
    reasons.insert(each.want.reason);
    table.add_row({after(each.at, explanation), name_of(each.tenant, explanation),
                   fmt::format("{}", each.gpu), std::string(state_of(each.want.verdict)),
                   std::string(to_string(each.want.reason)), terms_text(each.want.terms),
                   each.asked == 1 ? std::string("once") : fmt::format("{} times", each.asked),
                   each.decided ? "decided" : "no change"});
  }
  fmt::format_to(out, "\nWhat the policy wanted while the request was there\n{}",
                 table.render(kTableIndent));
  if (opinions.size() > kShown + 1) {
    fmt::format_to(out, "  {} between the last two left out; --format json has all\n",
                   opinions.size() - kShown - 1);
  }
  for (const Reason reason : reasons) {
    const auto with =
        std::ranges::find(opinions, reason, [](const Opinion& each) { return each.want.reason; });
    fmt::format_to(out, "  {}: {}, so '{}' was rejected\n", to_string(reason), meaning(reason),
                   state_of(opposite(with->want.verdict)));
  }
}

std::string cost_text(const Decision& decision, const std::optional<Realisation>& cost) {
  const std::string predicted = decision.predicted_cost == kUnknownCost
                                    ? std::string("none yet")
                                    : human_time(decision.predicted_cost);
  if (!cost) {
    return fmt::format("predicted {}, no call for it ended", predicted);
  }
  return fmt::format(
      "predicted {}, took {} ({} queues{})", predicted, human_time(cost->cost), cost->queues_ok,
      cost->queues_failed == 0 ? std::string() : fmt::format(", {} failed", cost->queues_failed));
}

void put_decisions(Out out, const Explanation& explanation) {
  for (const Decision& decision : explanation.overruled) {
    fmt::format_to(out, "\nNot the policy's: {}, {} to {}, because {}\n",
                   after(decision.at, explanation), name_of(decision.tenant, explanation),
                   state_of(decision.verdict), meaning(decision.reason));
  }
  for (const TimeOff& off : explanation.off) {
    fmt::format_to(out, "\n{} off GPU {}\n  {}, because {}\n  suspend: {}\n",
                   name_of(off.off.tenant, explanation), off.off.gpu,
                   after(off.off.at, explanation), meaning(off.off.reason),
                   cost_text(off.off, off.off_cost));
    if (!off.back) {
      fmt::format_to(out, "  it was not given back before the log ends\n");
      continue;
    }
    fmt::format_to(out, "  back {}, because {}\n  resume: {}\n", after(off.back->at, explanation),
                   meaning(off.back->reason), cost_text(*off.back, off.back_cost));
  }
  if (explanation.bystander) {
    fmt::format_to(out,
                   "\nbystander  {}: so long its own queues were off, for calls about Offline\n",
                   human_time(*explanation.bystander));
  }
}

void put_parts(Out out, const Explanation& explanation) {
  if (!explanation.parts) {
    return;
  }
  Table table({"part", "time"});
  for (std::size_t i = 0; i < kRequestParts; ++i) {
    table.add_row({std::string(to_string(static_cast<RequestPart>(i))),
                   fmt::format("{} ns", to_ns(explanation.parts->at(i)))});
  }
  table.add_row({"latency", fmt::format("{} ns", to_ns(explanation.request.end -
                                                       explanation.request.arrival))});
  fmt::format_to(out, "\nWhere its time went\n{}", table.render(kTableIndent));
}

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(to_ns(*value)) : Json(nullptr);
}

Json terms_json(const Terms& terms) {
  Json json = Json::object();
  for (const Term& term : terms.items()) {
    json[std::string(to_string(term.name))] = term.value;
  }
  return json;
}

Json decision_json(const Decision& decision, const std::optional<Realisation>& cost) {
  Json json;
  json["sequence"] = decision.sequence;
  json["at_ns"] = to_ns(decision.at);
  json["verdict"] = std::string(to_string(decision.verdict));
  json["reason"] = std::string(to_string(decision.reason));
  json["because"] = std::string(meaning(decision.reason));
  json["rejected"] = std::string(to_string(decision.rejected));
  json["terms"] = terms_json(decision.terms);
  json["predicted_cost_ns"] = decision.predicted_cost == kUnknownCost
                                  ? Json(nullptr)
                                  : Json(to_ns(decision.predicted_cost));
  json["cost_ns"] = nullptr;
  if (cost) {
    json["cost_ns"] = to_ns(cost->cost);
    json["queues_ok"] = cost->queues_ok;
    json["queues_failed"] = cost->queues_failed;
  }
  return json;
}

Json opinion_json(const Opinion& opinion, const Explanation& explanation) {
  return {{"at_ns", to_ns(opinion.at)},
          {"tenant", name_of(opinion.tenant, explanation)},
          {"gpu", opinion.gpu.value()},
          {"member", opinion.member},
          {"verdict", std::string(to_string(opinion.want.verdict))},
          {"reason", std::string(to_string(opinion.want.reason))},
          {"because", std::string(meaning(opinion.want.reason))},
          {"rejected", std::string(to_string(opposite(opinion.want.verdict)))},
          {"terms", terms_json(opinion.want.terms)},
          {"asked", opinion.asked},
          {"decided", opinion.decided}};
}

Json off_json(const TimeOff& off, const Explanation& explanation) {
  Json json;
  json["tenant"] = name_of(off.off.tenant, explanation);
  json["gpu"] = off.off.gpu.value();
  json["off"] = decision_json(off.off, off.off_cost);
  json["back"] = off.back ? decision_json(*off.back, off.back_cost) : Json(nullptr);
  return json;
}

}  // namespace

std::string explain_text(const Explanation& explanation) {
  std::string text;
  const Out out(text);
  put_head(out, explanation);
  put_opinions(out, explanation);
  put_decisions(out, explanation);
  put_parts(out, explanation);
  return text;
}

std::string explain_json(const Explanation& explanation) {
  const RequestRecord& request = explanation.request;
  Json json;
  json["schema"] = 1;
  json["command"] = "explain";
  json["scenario"] = explanation.run.scenario;
  json["seed"] = explanation.run.seed;
  json["policy"] = explanation.run.policy;
  json["tenant"] = explanation.tenant;
  json["request"] = request.request;
  json["arrival_ns"] = to_ns(request.arrival);
  const bool ended = request.end != kForever;
  json["latency_ns"] = ended ? Json(to_ns(request.end - request.arrival)) : Json(nullptr);
  json["alone_ns"] = or_null(explanation.alone);
  json["detection"] = std::string(to_string(explanation.told));
  json["detected_ns"] = or_null(explanation.told_at);
  json["verdict"] = std::string(to_string(explanation.verdict));
  json["opinions"] = Json::array();
  for (const Opinion& opinion : explanation.opinions) {
    json["opinions"].push_back(opinion_json(opinion, explanation));
  }
  json["overruled"] = Json::array();
  for (const Decision& decision : explanation.overruled) {
    json["overruled"].push_back(decision_json(decision, std::nullopt));
  }
  json["off"] = Json::array();
  for (const TimeOff& off : explanation.off) {
    json["off"].push_back(off_json(off, explanation));
  }
  json["bystander_ns"] = or_null(explanation.bystander);
  json["parts_ns"] = nullptr;
  if (explanation.parts) {
    json["parts_ns"] = Json::object();
    for (std::size_t i = 0; i < kRequestParts; ++i) {
      json["parts_ns"][std::string(to_string(static_cast<RequestPart>(i)))] =
          to_ns(explanation.parts->at(i));
    }
  }
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::cli
