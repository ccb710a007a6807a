#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "conformance/operation.h"
#include "core/error.h"

/// The words of the case files; docs/conformance.md lists them.
namespace gpreempt::conformance {

/// An operation as it is written.
struct OpWord {
  std::string_view name;
  OpKind kind{};
  bool names_process = false;             ///< `pid` says whom
  std::string_view arguments;             ///< keys of `args` that it takes, separated by spaces
  std::array<std::string_view, 2> out{};  ///< names of `Answer::out`; empty: none
};

[[nodiscard]] std::span<const OpWord> op_words();
/// Null if there is no such word.
[[nodiscard]] const OpWord* find_op(std::string_view name);
[[nodiscard]] const OpWord& word_of(OpKind kind);

[[nodiscard]] std::span<const std::string_view> place_words();  ///< in the order of `Place`
[[nodiscard]] std::span<const std::string_view> file_words();   ///< in the order of `FileChoice`
/// The drivers that expectations are about, and the words for how one is known.
[[nodiscard]] std::span<const std::string_view> personality_words();
[[nodiscard]] std::span<const std::string_view> evidence_words();

/// Processes that actors are: "a" and "b" debug, "target" is debugged, "user" and "user-target"
/// have uid 1000. A process that FORK makes is "X.child" after its parent X.
[[nodiscard]] bool is_actor(std::string_view process);
/// Numbers that name no actor: "zero", "minus-one", "nobody", "init", "kernel-thread".
[[nodiscard]] Result<std::int32_t> special_pid(std::string_view name);
[[nodiscard]] bool is_special_pid(std::string_view name);

/// No answer came within the time given.
inline constexpr std::string_view kNoAnswer = "no answer";

/// A result as cases write it: "EPERM", or a number.
[[nodiscard]] std::string result_text(long result);
/// The errno of a name, or 0.
[[nodiscard]] int errno_of(std::string_view name);

}  // namespace gpreempt::conformance
