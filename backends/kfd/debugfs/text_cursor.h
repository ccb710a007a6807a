#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace gpreempt::kfd::debugfs {

/// Texts of amdkfd: the files of its debugfs folder, and what an SMI_EVENTS descriptor delivers.
enum class DumpKind { kMqds, kHqds, kRls, kSmiEvents };

[[nodiscard]] std::string_view to_string(DumpKind kind);

/// A line "OFFSET: WORD WORD ...": 8 hexadecimal digits each, 1 to 8 words.
struct DumpLine {
  static constexpr std::size_t kMaxWords = 8;

  std::uint32_t offset = 0;
  std::array<std::uint32_t, kMaxWords> words{};
  std::size_t count = 0;
};

/// Reads one of these texts from front to back, without copying it, and knows where it is. What
/// does not match is left unread.
class TextCursor {
 public:
  /// Both must outlive it. `path` is what errors call the text.
  TextCursor(std::string_view text, std::string_view path, DumpKind kind)
      : text_(text), path_(path), kind_(kind) {}

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  /// The text from here on.
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }

  /// Takes exactly this, if it is next.
  bool take(std::string_view literal);
  /// Takes a number that fits in 32 bits, without a sign.
  std::optional<std::uint32_t> take_decimal();
  std::optional<std::uint32_t> take_hex();
  /// Takes the end of a line; the text may end without one.
  bool take_end_of_line();
  /// Takes what is left of the line, without its end.
  std::string_view take_line();
  /// Takes a whole line of words after `indent`. At a failure it stands where the line went wrong.
  bool take_dump_line(std::string_view indent, DumpLine& line);

  /// Refuses the text here: "FILE:LINE:COLUMN: reading KIND: EXPECTED, found ...; what to do".
  [[nodiscard]] Error expected(std::string_view what) const;
  /// The same for something that was read and makes no sense: `reason` is the whole sentence.
  [[nodiscard]] Error refused(std::string_view reason) const;
  /// The same for the line that was read last.
  [[nodiscard]] Error refused_line(std::string_view reason) const;

 private:
  struct Place {
    std::size_t line_begin = 0;
    std::size_t line_number = 1;
    std::size_t at = 0;
  };
  [[nodiscard]] std::string_view line_at(std::size_t begin) const;
  [[nodiscard]] Error error(const Place& place, std::string_view reason) const;

  std::string_view text_;
  std::string_view path_;
  DumpKind kind_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  std::size_t last_line_begin_ = 0;
  std::size_t line_number_ = 1;
};

/// Why `line` is not what amdkfd prints into a file of `kind`, and what to do: the end of an
/// error's text. Recognises the other files of the folder, copies with lines left out, and formats
/// that documents show and no kernel prints.
[[nodiscard]] std::string_view explain_foreign(DumpKind kind, std::string_view line);

}  // namespace gpreempt::kfd::debugfs
