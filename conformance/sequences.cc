#include "conformance/sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "conformance/operation.h"
#include "conformance/scenario.h"
#include "conformance/stage.h"
#include "core/error.h"
#include "core/random.h"
#include "core/time.h"

namespace gpreempt::conformance {
namespace {

constexpr std::uint64_t kProcessRuntime = 0x800000000000;
constexpr std::uint64_t kEveryBit = ~std::uint64_t{0} >> 1U;
constexpr std::uint32_t kInfoBytes = 16;
/// For operations that may block; long after one that does not has answered.
constexpr Duration kPatience = std::chrono::milliseconds(300);
/// For those that never do, on a machine that is busy with other things.
constexpr Duration kLongest = std::chrono::seconds(10);

/// What a record calls it, and the step.
using Named = std::pair<std::string_view, Step>;

Step step(std::string_view process, OpKind kind, std::string_view pid = {}) {
  constexpr std::string_view kSecond = "/2";
  Step made;
  made.second_thread = process.ends_with(kSecond);
  made.process =
      process.substr(0, made.second_thread ? process.size() - kSecond.size() : process.size());
  made.pid = pid;
  made.operation.kind = kind;
  made.operation.size = kind == OpKind::kEnable ? kInfoBytes : 0;
  made.operation.file = kind == OpKind::kEnable ? FileChoice::kNotify : FileChoice::kDevice;
  made.within = kLongest;
  return made;
}

Step runtime(std::uint32_t mode) {
  Step made = step("target", OpKind::kRuntimeEnable);
  made.operation.mode = mode;
  made.within = kPatience;
  return made;
}

Step suspend(std::string_view process) {
  Step made = step(process, OpKind::kSuspendQueues, "target");
  made.operation.count = 2;
  made.operation.ids = {0, 0x40000001};
  return made;
}

Step resume_all() {
  Step made = step("a", OpKind::kResumeQueues, "target");
  made.operation.place = Place::kNull;
  return made;
}

Step send_event() {
  Step made = step("a", OpKind::kSendRuntimeEvent, "target");
  made.operation.mask = kProcessRuntime;
  return made;
}

Step query_event() {
  Step made = step("a", OpKind::kQueryDebugEvent, "target");
  made.operation.mask = kEveryBit;
  return made;
}

const std::vector<Named>& operations() {
  static const std::vector<Named> all = {
      {"a ATTACH", step("a", OpKind::kAttach, "target")},
      {"a DETACH", step("a", OpKind::kDetach, "target")},
      {"a ENABLE", step("a", OpKind::kEnable, "target")},
      {"a DISABLE", step("a", OpKind::kDisable, "target")},
      {"a SUSPEND", suspend("a")},
      {"a RESUME-ALL", resume_all()},
      {"a SEND", send_event()},
      {"a QUERY", query_event()},
      {"a CLOSE", step("a", OpKind::kClose)},
      {"a/2 ENABLE", step("a/2", OpKind::kEnable, "target")},
      {"a/2 SUSPEND", suspend("a/2")},
      {"b ATTACH", step("b", OpKind::kAttach, "target")},
      {"b ENABLE", step("b", OpKind::kEnable, "target")},
      {"b DISABLE", step("b", OpKind::kDisable, "target")},
      {"target OPEN", step("target", OpKind::kOpen)},
      {"target RUNTIME-ON", runtime(1)},
      {"target RUNTIME-OFF", runtime(0)},
      {"target EXEC", step("target", OpKind::kExec)},
      {"a EXEC", step("a", OpKind::kExec)},
      {"target KILL", step("b", OpKind::kKill, "target")},
      {"a KILL", step("b", OpKind::kKill, "a")},
  };
  return all;
}

struct State {
  std::string_view name;
  std::vector<Step> way;
  bool ends_blocked = false;  ///< the last step of the way is not answered
};

const std::vector<State>& states() {
  static const Step opened = step("target", OpKind::kOpen);
  static const Step attached = step("a", OpKind::kAttach, "target");
  static const Step enabled = step("a", OpKind::kEnable, "target");
  static const std::vector<State> all = {
      {.name = "untouched", .way = {}},
      {.name = "open", .way = {opened}},
      {.name = "runtime", .way = {opened, runtime(1)}},
      {.name = "attached", .way = {attached}},
      {.name = "open attached", .way = {opened, attached}},
      {.name = "runtime attached", .way = {opened, runtime(1), attached}},
      {.name = "enabled", .way = {attached, enabled}},
      {.name = "open enabled", .way = {opened, attached, enabled}},
      {.name = "runtime enabled", .way = {opened, runtime(1), attached, enabled}},
      {.name = "runtime enabled detached",
       .way = {opened, runtime(1), attached, enabled, step("a", OpKind::kDetach, "target")}},
      {.name = "runtime self-enabled",
       .way = {opened, runtime(1), step("target", OpKind::kEnable, "target")}},
      {.name = "runtime pending",
       .way = {opened, attached, enabled, runtime(1)},
       .ends_blocked = true},
  };
  return all;
}

std::size_t pairs_count() { return states().size() * operations().size() * operations().size(); }

Sequence pair(std::size_t number) {
  const std::size_t ops = operations().size();
  return {.state = number / (ops * ops), .operations = {number / ops % ops, number % ops}};
}

Sequence triple(std::size_t number) {
  const std::size_t ops = operations().size();
  Sequence made = pair(number / ops);
  made.operations.push_back(number % ops);
  return made;
}

/// `count` of the numbers below `below`, ascending.
std::vector<std::size_t> draw(std::size_t count, std::size_t below, std::uint64_t seed) {
  std::set<std::size_t> drawn;
  RandomStream random(seed, "conformance sequences");
  while (drawn.size() < std::min(count, below)) {
    drawn.insert(random.below(below));
  }
  return {drawn.begin(), drawn.end()};
}

/// Both debuggers have the driver open.
Result<void> prepare(Stage& stage, const State& state) {
  stage.clear();
  std::vector<Step> way = {step("a", OpKind::kOpen), step("b", OpKind::kOpen)};
  way.insert(way.end(), state.way.begin(), state.way.end());
  for (std::size_t i = 0; i < way.size(); ++i) {
    const bool blocks = state.ends_blocked && i + 1 == way.size();
    way[i].within = blocks ? kPatience : kLongest;
    Outcome outcome;
    GPREEMPT_TRY(store(outcome, stage.perform(way[i])));
    const std::string wanted = blocks ? "no answer" : "0";
    if (result_text(outcome) != wanted) {
      return fail(Errc::kInternal, fmt::format("state '{}': step {} gave {}, not {}", state.name,
                                               i + 1, result_text(outcome), wanted));
    }
  }
  return {};
}

}  // namespace

std::string name_of(const Sequence& sequence) {
  std::string text(states().at(sequence.state).name);
  for (std::size_t i = 0; i < sequence.operations.size(); ++i) {
    text += fmt::format("{} {}", i == 0 ? ":" : ";", operations().at(sequence.operations[i]).first);
  }
  return text;
}

std::vector<Sequence> all_pairs() {
  std::vector<Sequence> made;
  made.reserve(pairs_count());
  for (std::size_t number = 0; number < pairs_count(); ++number) {
    made.push_back(pair(number));
  }
  return made;
}

std::vector<Sequence> some_triples(std::size_t count, std::uint64_t seed) {
  std::vector<Sequence> made;
  for (const std::size_t number : draw(count, pairs_count() * operations().size(), seed)) {
    made.push_back(triple(number));
  }
  return made;
}

std::vector<Sequence> some_sequences(std::size_t count, std::uint64_t seed) {
  std::vector<Sequence> made;
  for (const std::size_t number : draw(count, pairs_count(), seed)) {
    made.push_back(pair(number));
  }
  for (Sequence& each : some_triples(count - made.size(), seed)) {
    made.push_back(std::move(each));
  }
  return made;
}

Result<std::string> run_sequence(Stage& stage, const Sequence& sequence) {
  GPREEMPT_TRY(prepare(stage, states().at(sequence.state)));
  std::string text;
  for (const std::size_t number : sequence.operations) {
    Outcome outcome;
    GPREEMPT_TRY(store(outcome, stage.perform(operations().at(number).second)));
    text += fmt::format("{}{}", text.empty() ? "" : "; ", full_text(outcome));
  }
  std::vector<std::pair<std::string, Outcome>> late;
  GPREEMPT_TRY(store(late, stage.settle(kPatience)));
  for (const auto& [name, outcome] : late) {
    text += fmt::format(", late {} {}", name, full_text(outcome));
  }
  stage.clear();
  return text;
}

}  // namespace gpreempt::conformance
