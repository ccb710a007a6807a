#include "cli/replay_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/replay.h"
#include "cli/report_text.h"
#include "cli/request_verdict.h"
#include "cli/table.h"
#include "cli/what_if.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

using Json = nlohmann::ordered_json;
using Out = std::back_insert_iterator<std::string>;

std::string clock_text(Instant instant) {
  return fmt::format("{:.6f} s", static_cast<double>(to_ns(instant)) / kNsPerSecond);
}

void put_run(Out out, const ReplayedRun& run) {
  const Replay& replay = run.replay;
  if (!replay.difference) {
    fmt::format_to(out, "{}: reproduced, {} decisions and {} realised costs as recorded\n",
                   run.policy, replay.decisions, replay.realisations);
    return;
  }
  fmt::format_to(out,
                 "{}: DIFFERS after {} decisions, at line {} of events.jsonl\n"
                 "  recorded  {}\n"
                 "  replayed  {}\n",
                 run.policy, replay.decisions, replay.difference->line, replay.difference->recorded,
                 replay.difference->replayed);
}

std::string latency_text(Duration latency, std::uint64_t samples) {
  return samples == 0 ? "no time (none is recorded)"
                      : fmt::format("{} (median of {})", human_time(latency), samples);
}

void put_flips(Out out, const OtherPolicy& other) {
  constexpr std::size_t kShown = 20;
  Table table({"tenant", "request", "arrival", "recorded", "replayed", "holds"});
  for (std::size_t i = 0; i < std::min(other.flips.size(), kShown); ++i) {
    const FlippedRequest& flip = other.flips[i];
    table.add_row({flip.tenant, fmt::format("{}", flip.request), clock_text(flip.arrival),
                   std::string(to_string(flip.recorded)), std::string(to_string(flip.replayed)),
                   flip.conditional ? "if nothing else changed" : "yes"});
  }
  if (table.empty()) {
    fmt::format_to(out, "\nNo request's verdict flips.\n");
    return;
  }
  fmt::format_to(out, "\nRequests whose verdict flips\n{}", table.render(kTableIndent));
  if (other.flips.size() > kShown) {
    fmt::format_to(out, "  and {} more; --format json lists all\n", other.flips.size() - kShown);
  }
}

void put_other(Out out, const OtherPolicy& other) {
  const WhatIf& what_if = other.what_if;
  fmt::format_to(out,
                 "\n{} on the events of {}: {} decisions instead of {}\n"
                 "Open loop: requests arrive and end as recorded, whatever {} decides; what would "
                 "have\nfollowed from its decisions is not known.",
                 other.policy, other.recorded_policy, what_if.decisions.size(),
                 other.recorded_decisions, other.policy);
  if (what_if.diverged) {
    fmt::format_to(out,
                   " The first other verdict is at {};\nall later ones are conditional. From then "
                   "on:\n"
                   "  {} calls of its own; a suspend takes {}, a resume {}\n"
                   "  {} recorded ends of calls and {} of leases left out, which it did not have\n",
                   clock_text(*what_if.diverged), what_if.calls_assumed,
                   latency_text(other.assumed.suspend, other.suspends),
                   latency_text(other.assumed.resume, other.resumes), what_if.calls_dropped,
                   what_if.leases_dropped);
  } else {
    fmt::format_to(out, " No verdict differs.\n");
  }
  Table table({"tenant", "requests", "recorded", "replayed", "no longer", "now too"});
  for (const VerdictCounts& count : other.counts) {
    table.add_row({count.tenant, fmt::format("{}", count.requests),
                   fmt::format("{}", count.recorded), fmt::format("{}", count.replayed),
                   fmt::format("{}", count.lost), fmt::format("{}", count.gained)});
  }
  fmt::format_to(out, "\nRequests that Offline was taken off for\n{}", table.render(kTableIndent));
  put_flips(out, other);
}

Json run_json(const ReplayedRun& run) {
  const Replay& replay = run.replay;
  Json json;
  json["name"] = run.policy;
  json["verdict"] = replay.difference ? "differs" : "reproduced";
  json["decisions"] = replay.decisions;
  json["realisations"] = replay.realisations;
  json["first_difference"] = nullptr;
  if (replay.difference) {
    json["first_difference"] = {{"line", replay.difference->line},
                                {"recorded", replay.difference->recorded},
                                {"replayed", replay.difference->replayed}};
  }
  return json;
}

Json other_json(const OtherPolicy& other) {
  const WhatIf& what_if = other.what_if;
  Json json;
  json["recorded_policy"] = other.recorded_policy;
  json["policy"] = other.policy;
  json["open_loop"] = true;
  json["recorded_decisions"] = other.recorded_decisions;
  json["decisions"] = what_if.decisions.size();
  json["diverged_ns"] = nullptr;
  if (what_if.diverged) {
    json["diverged_ns"] = to_ns(*what_if.diverged);
  }
  json["assumed"] = {{"suspend_ns", to_ns(other.assumed.suspend)},
                     {"suspends_recorded", other.suspends},
                     {"resume_ns", to_ns(other.assumed.resume)},
                     {"resumes_recorded", other.resumes},
                     {"calls", what_if.calls_assumed},
                     {"calls_dropped", what_if.calls_dropped},
                     {"leases_dropped", what_if.leases_dropped}};
  json["tenants"] = Json::array();
  for (const VerdictCounts& count : other.counts) {
    json["tenants"].push_back({{"tenant", count.tenant},
                               {"requests", count.requests},
                               {"recorded", count.recorded},
                               {"replayed", count.replayed},
                               {"lost", count.lost},
                               {"gained", count.gained}});
  }
  json["flips"] = Json::array();
  for (const FlippedRequest& flip : other.flips) {
    json["flips"].push_back({{"tenant", flip.tenant},
                             {"request", flip.request},
                             {"arrival_ns", to_ns(flip.arrival)},
                             {"recorded", std::string(to_string(flip.recorded))},
                             {"replayed", std::string(to_string(flip.replayed))},
                             {"conditional", flip.conditional}});
  }
  return json;
}

}  // namespace

bool ReplayReport::reproduced() const {
  return std::ranges::none_of(
      runs, [](const ReplayedRun& run) { return run.replay.difference.has_value(); });
}

std::string replay_text(const ReplayReport& report) {
  std::string text = fmt::format("bundle     {}\nscenario   {}, seed {}\n\n", report.bundle,
                                 report.scenario, report.seed);
  const Out out(text);
  for (const ReplayedRun& run : report.runs) {
    put_run(out, run);
  }
  if (report.other) {
    put_other(out, *report.other);
  }
  return text;
}

std::string replay_json(const ReplayReport& report) {
  Json json;
  json["schema"] = 1;
  json["command"] = "replay";
  json["bundle"] = report.bundle;
  json["scenario"] = report.scenario;
  json["seed"] = report.seed;
  json["results"] = Json::array();
  for (const ReplayedRun& run : report.runs) {
    json["results"].push_back(run_json(run));
  }
  json["what_if"] = report.other ? other_json(*report.other) : Json(nullptr);
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::cli
