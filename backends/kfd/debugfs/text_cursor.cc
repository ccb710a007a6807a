#include "backends/kfd/debugfs/text_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "core/error.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr std::size_t kDigits = 8;
constexpr std::uint32_t kBits = 4;
constexpr std::uint8_t kNoDigit = 0x80;

constexpr std::array<std::uint8_t, 256> digit_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) {
    values['0' + i] = i;
  }
  for (std::uint8_t i = 0; i < 6; ++i) {
    values['a' + i] = static_cast<std::uint8_t>(10 + i);
    values['A' + i] = static_cast<std::uint8_t>(10 + i);
  }
  return values;
}
constexpr auto kDigitValues = digit_values();

/// Exactly 8 digits at `text`. Most of a file's time is spent here.
inline bool read_word(const char* text, std::uint32_t& value) {
  std::uint32_t sum = 0;
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < kDigits; ++i) {
    const std::uint32_t digit = kDigitValues[static_cast<unsigned char>(text[i])];
    seen |= digit;
    sum = (sum << kBits) | (digit & 0xfU);
  }
  value = sum;
  return (seen & kNoDigit) == 0;
}

std::optional<std::uint32_t> take_number(std::string_view text, std::size_t& at, int base) {
  std::uint32_t value = 0;
  const char* const begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value, base);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  at += static_cast<std::size_t>(end - begin);
  return value;
}

}  // namespace

std::string_view to_string(DumpKind kind) {
  switch (kind) {
    case DumpKind::kMqds: return "mqds";
    case DumpKind::kHqds: return "hqds";
    case DumpKind::kRls: return "rls";
    case DumpKind::kSmiEvents: break;
  }
  return "SMI events";
}

bool TextCursor::take(std::string_view literal) {
  if (!text_.substr(at_).starts_with(literal)) {
    return false;
  }
  at_ += literal.size();
  return true;
}

std::optional<std::uint32_t> TextCursor::take_decimal() { return take_number(text_, at_, 10); }

std::optional<std::uint32_t> TextCursor::take_hex() { return take_number(text_, at_, 16); }

bool TextCursor::take_end_of_line() {
  if (!at_end()) {
    if (text_[at_] != '\n') {
      return false;
    }
    ++at_;
  }
  last_line_begin_ = line_begin_;
  line_begin_ = at_;
  ++line_number_;
  return true;
}

std::string_view TextCursor::take_line() {
  const std::string_view taken = line_at(at_);
  at_ += taken.size();
  return taken;
}

bool TextCursor::take_dump_line(std::string_view indent, DumpLine& line) {
  constexpr std::string_view kColon = ": ";
  if (!take(indent) || text_.size() - at_ < kDigits || !read_word(&text_[at_], line.offset)) {
    return false;
  }
  at_ += kDigits;
  if (!take(kColon)) {
    return false;
  }
  line.count = 0;
  while (text_.size() - at_ >= kDigits && line.count < DumpLine::kMaxWords &&
         read_word(&text_[at_], line.words[line.count])) {
    at_ += kDigits;
    ++line.count;
    if (at_end() || text_[at_] != ' ') {
      return take_end_of_line();
    }
    ++at_;
  }
  return false;
}

std::string_view TextCursor::line_at(std::size_t begin) const {
  const std::string_view from = text_.substr(begin);
  return from.substr(0, from.find('\n'));
}

Error TextCursor::expected(std::string_view what) const {
  constexpr std::size_t kShown = 40;
  const std::string_view line = line_at(line_begin_);
  const std::string_view here = line.substr(std::min(at_ - line_begin_, line.size()));
  const std::string found =
      here.empty()
          ? fmt::format("the end of the {}", at_end() ? "text" : "line")
          : fmt::format("\"{}{}\"", here.substr(0, kShown), here.size() > kShown ? "[...]" : "");
  return refused(fmt::format("expected {}, found {}", what, found));
}

Error TextCursor::refused(std::string_view reason) const {
  return error({.line_begin = line_begin_, .line_number = line_number_, .at = at_}, reason);
}

Error TextCursor::refused_line(std::string_view reason) const {
  GPREEMPT_CHECK(line_number_ > 1);
  return error(
      {.line_begin = last_line_begin_, .line_number = line_number_ - 1, .at = last_line_begin_},
      reason);
}

Error TextCursor::error(const Place& place, std::string_view reason) const {
  return {.code = Errc::kParse,
          .sys_errno = 0,
          .what = fmt::format("{}:{}:{}: reading {}: {}; {}", path_, place.line_number,
                              place.at - place.line_begin + 1, to_string(kind_), reason,
                              explain_foreign(kind_, line_at(place.line_begin)))};
}

}  // namespace gpreempt::kfd::debugfs
