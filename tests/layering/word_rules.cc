#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/layering/rules.h"
#include "tests/layering/source_text.h"

namespace gpreempt::tidy {
namespace {

/// A word that is banned, and where it is not.
struct WordRule {
  std::regex pattern;
  std::vector<std::string_view>
      allowed;  ///< files; folders that end in '/'; beginnings that end in '*'
  std::string_view instead;
  bool in_comments = false;
};

WordRule rule(const char* pattern, std::vector<std::string_view> allowed,
              std::string_view instead) {
  return {.pattern = std::regex(pattern), .allowed = std::move(allowed), .instead = instead};
}

const std::vector<WordRule>& word_rules() {
  static constexpr std::string_view kLinuxOs = "backends/kfd/linux_*";
  static constexpr std::string_view kLinuxActors = "conformance/linux_*";
  static constexpr std::string_view kLinuxCrew = "crew/linux_*";
  static constexpr std::string_view kLinuxHip = "workloads/hip/linux_*";
  static constexpr std::string_view kLinuxStudy = "study/linux_*";
  static constexpr std::string_view kAgent = "workloads/agent/";
  static constexpr std::string_view kMailbox = "backends/kfd/mailbox.h";
  static const std::vector<WordRule> rules = [] {
    std::vector<WordRule> all = {
        rule(R"(\b([iI]s|is_)_?[sS]imulated\b)", {},
             "nobody may ask which world this is; ask Backend::info() for the capability"),
        rule(R"(\b((system|steady|high_resolution)_clock|clock_gettime|gettimeofday)\b)",
             {kLinuxOs, kAgent, kLinuxHip, kLinuxCrew, "cli/", "tests/os/", "tests/bench/",
              "tests/contract/known_divergences.cc"},
             "time is an argument, or Backend::now(); wall time exists in cli/ and in the Linux "
             "ports only"),
        rule(R"(\bs?rand\s*\(|\brandom_device\b)", {}, "randomness has a seed; use core/random.h"),
        rule(R"(\bgetenv\b)", {"cli/main.cc", kLinuxOs, kAgent, "tests/"},
             "behaviour depends on arguments, not on the environment; make it an option"),
        rule(R"(\berrno\b)",
             {kLinuxOs, kLinuxActors, kLinuxCrew, kLinuxHip, kLinuxStudy, kAgent, "tests/"},
             "errno is shared by all actors; an Os call returns -errno (codes: <cerrno>)"),
        rule(R"(\bthread_local\b)", {kLinuxOs, "tests/"},
             "actors share one thread; keep the state in an object"),
        rule(R"(#\s*include\s*<(thread|condition_variable|future|semaphore)>)",
             {kLinuxOs, kLinuxActors, "tests/"},
             "workers and waiting belong to kfd::Os: spawn, wait, wake"),
        rule(R"(#\s*include\s*<(mutex|shared_mutex)>|\bstd::(recursive_|shared_|timed_)?mutex\b)",
             {kLinuxOs, kMailbox, "tests/"},
             "a lock held across a wait hangs a simulation; pass messages by Mailbox"),
        rule(R"(\bcatch\s*\(\s*\.\.\.\s*\))", {},
             "it would swallow the exception that ends an actor; catch a named type"),
        rule(R"((^|[^:\w])sleep_(for|until)\s*\(|this_thread::sleep_|\bu?sleep\s*\(|\bnanosleep\b)",
             {kLinuxOs, kLinuxHip, "tests/os/", "tests/gangs/", "workloads/gangs/"},
             "wait for an event with a deadline, never for real time"),
    };
    WordRule unfinished = rule(
        "\\b(TO"
        "DO|FIX"
        "ME|XX"
        "X|HA"
        "CK)\\b",
        {}, "finish it, or write what is missing into docs/limitations.md");
    unfinished.in_comments = true;
    all.push_back(std::move(unfinished));
    return all;
  }();
  return rules;
}

bool is_allowed(const WordRule& rule, const SourceFile& file) {
  return std::ranges::any_of(rule.allowed, [&](std::string_view place) {
    if (place.ends_with('*')) {
      return file.path.starts_with(place.substr(0, place.size() - 1));
    }
    return place.ends_with('/') ? file.path.starts_with(place) : file.path == place;
  });
}

}  // namespace

Findings check_words(const SourceFile& file) {
  Findings findings;
  const std::string code = without_comments(file.text, false);
  for (const WordRule& rule : word_rules()) {
    if (is_allowed(rule, file)) {
      continue;
    }
    std::size_t number = 0;
    for (const std::string_view line : lines_of(rule.in_comments ? file.text : code)) {
      ++number;
      std::match_results<std::string_view::const_iterator> match;
      if (std::regex_search(line.begin(), line.end(), match, rule.pattern)) {
        findings.push_back({.path = file.path,
                            .line = number,
                            .message = fmt::format("'{}': {}", match.str(), rule.instead)});
      }
    }
  }
  return findings;
}

}  // namespace gpreempt::tidy
