// Goal: the rules of `Scheduler` hold in every order of what can happen, not only in likely ones.
// Method: every word over a small alphabet up to a length, for each policy and from several
// beginnings, on an oracle that knows the truth (scheduler_oracle.h); after each word the scheduler
// is shut down twice, with requests that succeed and with requests that fail. The alphabet is
// total, so that A letters make 1 + A + ... + A^n words: a word left out by mistake fails the
// count. GPREEMPT_LONG=1 takes words one letter longer; a build with sanitizers, one shorter.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/policy.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_oracle.h"

namespace gpreempt {
namespace {

using LetterKind = Letter::Kind;
using std::chrono::microseconds;

/// Policies with times that a few letters, 10 us apart, get past.
OraclePolicy case_of(std::string_view policy) {
  static const std::map<std::string_view, OraclePolicy> kCases{
      {"linger", {.spec = "linger:hold=25us", .patience = microseconds(25)}},
      {"slice", {.spec = "slice:slice=25us,gap=15us"}},
      {"priority", {.spec = "priority", .among_offline = true}},
      {"timeshare", {.spec = "timeshare:online=60%,period=40us"}},
      {"loss-budget", {.spec = "loss-budget:budget=100%,window=1ms"}},
      {"deadline", {.spec = "deadline:margin=5us"}},
      {"break-even", {.spec = "break-even", .patience = microseconds(200)}},
      {"coalesce", {.spec = "coalesce:count=2,window=15us"}},
      {"laxity", {.spec = "laxity:below=30us"}},
      {"partition", {.spec = "partition:online=60%,period=50us", .among_offline = true}},
      {"fair", {.spec = "fair:slice=15us", .among_offline = true}},
      {"mlfq", {.spec = "mlfq:quantum=10us,boost=100us"}},
  };
  const auto found = kCases.find(policy);
  return found == kCases.end() ? OraclePolicy{.spec = std::string(policy)} : found->second;
}

bool is_long() {
  const char* const asked = std::getenv("GPREEMPT_LONG");
  return asked != nullptr && std::string_view(asked) == "1";
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GPREEMPT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GPREEMPT_SANITIZED 1
#endif
#endif
#ifdef GPREEMPT_SANITIZED
constexpr std::uint32_t kLettersLess = 1;
#else
constexpr std::uint32_t kLettersLess = 0;
#endif

class Exploration {
 public:
  Exploration(OraclePolicy policy, std::uint32_t tenants, std::vector<Letter> beginning)
      : policy_(std::move(policy)),
        tenants_(tenants),
        letters_(alphabet(tenants)),
        word_(std::move(beginning)) {}

  /// Every word of at most `length` letters after the beginning.
  void explore(std::uint32_t length) {
    visit();
    if (length == 0) {
      return;
    }
    for (const Letter& letter : letters_) {
      if (!broken_.empty()) {
        return;
      }
      word_.push_back(letter);
      explore(length - 1);
      word_.pop_back();
    }
  }

  [[nodiscard]] std::uint64_t words() const { return words_; }
  [[nodiscard]] std::uint64_t expected(std::uint32_t length) const {
    std::uint64_t sum = 0;
    std::uint64_t power = 1;
    for (std::uint32_t i = 0; i <= length; ++i) {
      sum += power;
      power *= letters_.size();
    }
    return sum;
  }
  [[nodiscard]] const std::string& broken() const { return broken_; }
  [[nodiscard]] std::size_t states() const { return states_.size(); }
  /// Pairs of phases that the first and the last tenant were seen in.
  [[nodiscard]] std::size_t phase_pairs() const { return phase_pairs_.size(); }

 private:
  SchedulerOracle replayed() const {
    SchedulerOracle oracle(policy_, tenants_);
    for (const Letter& letter : word_) {
      oracle.happen(letter);
    }
    return oracle;
  }
  void visit() {
    ++words_;
    for (const bool requests_fail : {false, true}) {
      SchedulerOracle oracle = replayed();
      if (!requests_fail) {
        states_.insert(oracle.fingerprint());
        phase_pairs_.insert({oracle.phase(0), oracle.phase(tenants_ - 1)});
      }
      oracle.shut_down(requests_fail);
      if (broken_.empty() && !oracle.broken().empty()) {
        broken_ = oracle.broken() + (requests_fail ? " (failing end)" : "") + ", after" + spelled();
      }
    }
  }
  [[nodiscard]] std::string spelled() const {
    static constexpr std::array<const char*, 11> kNames{"arrive",  "complete", "deadline", "create",
                                                        "destroy", "done",     "partial",  "failed",
                                                        "refuse",  "lease",    "crash"};
    std::string text;
    for (const Letter& letter : word_) {
      text += std::string(" ") + kNames.at(static_cast<std::size_t>(letter.kind)) +
              (letter.kind < LetterKind::kCreate ? "" : std::to_string(letter.tenant));
    }
    return text;
  }

  OraclePolicy policy_;
  std::uint32_t tenants_;
  std::vector<Letter> letters_;
  std::vector<Letter> word_;
  std::uint64_t words_ = 0;
  std::string broken_;
  std::unordered_set<std::uint64_t> states_;
  std::set<std::pair<SchedulerOracle::Phase, SchedulerOracle::Phase>> phase_pairs_;
};

class SchedulerExhaustiveTest : public testing::TestWithParam<std::string_view> {
 protected:
  /// Explores and checks the rules and the count; returns the pairs of phases seen.
  std::size_t run(std::uint32_t tenants, std::uint32_t length,
                  const std::vector<Letter>& beginning) {
    length += is_long() ? 1U : 0U;
    length -= kLettersLess;
    Exploration exploration(case_of(GetParam()), tenants, beginning);
    exploration.explore(length);
    EXPECT_EQ(exploration.broken(), "");
    EXPECT_EQ(exploration.words(), exploration.expected(length));
    std::cout << GetParam() << ": " << exploration.words() << " words of up to "
              << beginning.size() + length << " letters, " << exploration.states()
              << " states of the world\n";
    words_ += exploration.words();
    return exploration.phase_pairs();
  }
  void TearDown() override { RecordProperty("words", std::to_string(words_)); }

 private:
  std::uint64_t words_ = 0;
};
INSTANTIATE_TEST_SUITE_P(EveryPolicy, SchedulerExhaustiveTest, testing::ValuesIn(policy_names()),
                         [](const auto& policy) {
                           std::string name(policy.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

constexpr Letter kArrived{.kind = LetterKind::kArrive};
constexpr Letter kCompleted{.kind = LetterKind::kComplete};
constexpr Letter letter(LetterKind kind, std::uint8_t tenant = 0) {
  return {.kind = kind, .tenant = tenant};
}

TEST_P(SchedulerExhaustiveTest, RulesHoldInEveryOrderForOneOnlineAndOneOffline) {
  constexpr std::uint32_t kLength = 5;
  const std::size_t phases = run(1, kLength, {});
  EXPECT_EQ(phases, GetParam() == "none" ? 1U : 4U);
}

TEST_P(SchedulerExhaustiveTest, RulesHoldInEveryOrderAfterASuspension) {
  constexpr std::uint32_t kLength = 4;
  run(1, kLength, {kArrived, letter(LetterKind::kDone)});
  run(1, kLength, {letter(LetterKind::kCreate), kArrived, letter(LetterKind::kPartial)});
  run(1, kLength, {letter(LetterKind::kCreate), kArrived, letter(LetterKind::kFailed)});
  run(1, kLength, {letter(LetterKind::kCreate), kArrived, letter(LetterKind::kDone), kCompleted});
  run(1, kLength,
      {letter(LetterKind::kCreate), kArrived, letter(LetterKind::kDone), kCompleted,
       letter(LetterKind::kPartial)});
}

TEST_P(SchedulerExhaustiveTest, RulesHoldInEveryOrderForOneOnlineAndTwoOffline) {
  constexpr std::uint32_t kLength = 3;
  const std::vector<Letter> suspended{kArrived, letter(LetterKind::kDone, 0),
                                      letter(LetterKind::kDone, 1)};
  std::vector<Letter> resuming = suspended;
  resuming.push_back(kCompleted);
  run(2, kLength + 1, {});
  run(2, kLength, {kArrived, letter(LetterKind::kDone, 0)});
  // Both have been in every phase, in every combination.
  const std::size_t phases = run(2, kLength + 1, suspended);
  EXPECT_EQ(phases, GetParam() == "none" ? 1U : 16U);
  run(2, kLength, resuming);
}

}  // namespace
}  // namespace gpreempt
