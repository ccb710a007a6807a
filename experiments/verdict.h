#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/provenance.h"

/// What an experiment or a validation found: a named result with a reason, for people and for
/// machines.
namespace gpreempt::experiments {

enum class Answer {
  kYes,
  kNo,
  kMet,            ///< a limit is kept
  kMissed,         ///< a limit is not kept, or an expectation is wrong
  kReported,       ///< a quantity that nothing is held against
  kNotResolvable,  ///< it was tried, and the numbers allow more than one answer
  kUnavailable,    ///< this world cannot do what it takes; the reason says what is missing
};
/// "yes", "no", "met", "missed", "reported", "not resolvable", "unavailable".
[[nodiscard]] std::string_view to_string(Answer answer);

/// What a result rests on.
enum class Basis {
  kSimulated,
  kMeasured,
  kAssumed,  ///< it follows from what was taken for granted; the reason says from what
  kNothing,  ///< there is no result: it is unavailable
};
/// "simulated", "measured", "assumed", "none".
[[nodiscard]] std::string_view to_string(Basis basis);
/// The more, the less a statement is worth: from measured to assumed. What says nothing weakens
/// nothing.
[[nodiscard]] int weakness_of(Basis basis);

/// Nothing (JSON null), a number or words.
using Quantity = std::variant<std::monostate, double, std::string>;

/// One result. Times are nanoseconds, in keys that end in "_ns".
struct Verdict {
  std::string name;  ///< unique within one command, e.g. "suspend-latency/full/4-queues"
  Quantity value;
  Quantity expected;  ///< nothing: there is no expectation
  Answer answer = Answer::kUnavailable;
  std::string reason;                ///< a sentence
  std::optional<double> confidence;  ///< of the intervals behind the answer, 0 to 1
  Basis basis = Basis::kSimulated;
  std::string backend;                                     ///< "sim", "vkfd", "kfd" or "files"
  std::vector<std::pair<std::string, double>> numbers;     ///< in the order of printing
  std::vector<std::pair<std::string, std::string>> facts;  ///< words besides, e.g. the driver
  std::string unit;  ///< of value and expected; "ns" or empty: none
};

/// A histogram of times is the numbers PREFIX + kBinKey + "20": how many took 2^20 ns or more, and
/// less than 2^21.
inline constexpr std::string_view kBinKey = "count_log2_";
/// The bin of that time; what is no time is in the first.
[[nodiscard]] int bin_of(std::int64_t ns);

/// One JSON object: name, value, expected, verdict, reason, confidence, evidence, backend, numbers,
/// facts, unit (null: none). The evidence of what is unavailable is null. A number that is whole is
/// printed as one.
[[nodiscard]] std::string to_json(const Verdict& verdict);

/// The file verdicts.json: {"schema":1,"command":...,"backend":...,"evidence":...,
/// "provenance":{...},"results":[...]}, one result a line. The backend is the provenance's, the
/// evidence the weakest among the results.
[[nodiscard]] std::string verdicts_document(std::string_view command, const Provenance& provenance,
                                            const std::vector<Verdict>& verdicts);

/// Facts of a verdict with a limit: what would be better still, and whether that is met, which
/// fails nothing. "10 ms: met", "5 %: not met".
inline constexpr std::string_view kGoal = "goal";
inline constexpr std::string_view kStretch = "stretch";
/// For the end of the limit's text: "; goal 10 %: met; stretch 5 %: not met". Empty: it has none.
[[nodiscard]] std::string goals_text(const Verdict& verdict);

/// A verdict that says why there is none.
[[nodiscard]] Verdict unavailable(std::string name, std::string reason);

/// Says where it comes from: of that backend, and on that basis unless it rests on an assumption or
/// is unavailable.
void stem_from(Verdict& verdict, std::string backend, Basis basis);

/// The weakest basis among them; `kNothing` if none has a result.
[[nodiscard]] Basis weakest_basis(const std::vector<Verdict>& verdicts);

}  // namespace gpreempt::experiments
