#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/override.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/time.h"

/// Strict reading of TOML. A reader asks a `TomlTable` for each key it knows; `finish` then refuses
/// every key that nobody asked for. All errors are kParse and read
/// "file:line:column: key 'x': reason, and what to do".
namespace gpreempt {

struct TomlEntry;  // private to document.cc

/// What a key holds.
enum class TomlKind { kAbsent, kString, kInteger, kFloat, kBoolean, kArray, kTable, kOther };

/// A closed or half-open range for a number; both ends belong to it.
struct Bounds {
  std::optional<double> min;
  std::optional<double> max;
};
inline constexpr Bounds kNotNegative{.min = 0.0, .max = std::nullopt};

/// One table of a document. Cheap to copy; copies share the record of the keys asked for and keep
/// the document alive. Not thread-safe.
///
/// Every getter records its key as known. The form without a default refuses a missing key; the
/// form with one returns it then. A value of another type is refused, never converted (an integer
/// is a valid number).
class TomlTable {
 public:
  /// What `key` holds, for keys with more than one form. Records the key as known.
  [[nodiscard]] TomlKind kind(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return kind(key) != TomlKind::kAbsent; }
  /// Keys present, in alphabetical order. Records them all as known.
  [[nodiscard]] std::vector<std::string> keys() const;
  /// The same in the order of the file; what overrides brought comes last.
  [[nodiscard]] std::vector<std::string> keys_as_written() const;
  /// Dotted path of the table from the root, e.g. "online.guard.arrivals"; empty for the root.
  [[nodiscard]] const std::string& path() const;
  /// Name of the document, as in errors.
  [[nodiscard]] const std::string& document() const;

  [[nodiscard]] Result<std::string> string(std::string_view key) const;
  [[nodiscard]] Result<std::string> string(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] Result<bool> boolean(std::string_view key, bool fallback) const;
  /// Integers in [min, max]; both forms refuse a value outside.
  [[nodiscard]] Result<std::uint64_t> uint64(std::string_view key, std::uint64_t min,
                                             std::uint64_t max) const;
  [[nodiscard]] Result<std::uint64_t> uint64(std::string_view key, std::uint64_t min,
                                             std::uint64_t max, std::uint64_t fallback) const;
  [[nodiscard]] Result<std::uint32_t> uint32(std::string_view key, std::uint32_t min,
                                             std::uint32_t max) const;
  [[nodiscard]] Result<std::uint32_t> uint32(std::string_view key, std::uint32_t min,
                                             std::uint32_t max, std::uint32_t fallback) const;
  /// A finite number without a unit.
  [[nodiscard]] Result<double> number(std::string_view key, Bounds bounds = {}) const;
  [[nodiscard]] Result<double> number(std::string_view key, Bounds bounds, double fallback) const;
  /// A number greater than zero.
  [[nodiscard]] Result<double> positive(std::string_view key) const;
  [[nodiscard]] Result<double> positive(std::string_view key, double fallback) const;

  /// Strings with units, see core/units.h.
  [[nodiscard]] Result<Duration> duration(std::string_view key) const;
  [[nodiscard]] Result<Duration> duration(std::string_view key, Duration fallback) const;
  /// A duration greater than zero.
  [[nodiscard]] Result<Duration> positive_duration(std::string_view key) const;
  [[nodiscard]] Result<Duration> positive_duration(std::string_view key, Duration fallback) const;
  /// Per second, greater than zero.
  [[nodiscard]] Result<double> rate(std::string_view key) const;
  [[nodiscard]] Result<std::uint64_t> bytes(std::string_view key) const;
  [[nodiscard]] Result<std::uint64_t> bytes(std::string_view key, std::uint64_t fallback) const;
  /// A fraction: "20%" is 0.2.
  [[nodiscard]] Result<double> percent(std::string_view key) const;

  /// Arrays; a missing key is an empty one.
  [[nodiscard]] Result<std::vector<std::string>> strings(std::string_view key) const;
  [[nodiscard]] Result<std::vector<std::uint64_t>> integers(std::string_view key) const;
  [[nodiscard]] Result<std::vector<Duration>> durations(std::string_view key) const;
  [[nodiscard]] Result<std::vector<double>> percents(std::string_view key) const;
  /// An array of `[size, "time"]` in rising order of size, times above 0; at least one.
  [[nodiscard]] Result<std::vector<std::pair<std::uint32_t, Duration>>> sized_durations(
      std::string_view key) const;

  /// Whatever stands there, to be put elsewhere; a missing key is refused.
  [[nodiscard]] Result<TomlValue> value(std::string_view key) const;
  /// The elements of an array of anything; a missing key is an empty one.
  [[nodiscard]] Result<std::vector<TomlValue>> values(std::string_view key) const;

  /// A sub-table; a missing one is refused.
  [[nodiscard]] Result<TomlTable> table(std::string_view key) const;
  /// A sub-table; a missing one reads as an empty table.
  [[nodiscard]] Result<TomlTable> table_or_empty(std::string_view key) const;
  /// An array of tables, in order; a missing one is empty.
  [[nodiscard]] Result<std::vector<TomlTable>> tables(std::string_view key) const;

  /// A string of a closed list. The error names the nearest valid one.
  [[nodiscard]] Result<std::string> choice(std::string_view key,
                                           const std::vector<std::string_view>& valid) const;
  [[nodiscard]] Result<std::string> choice(std::string_view key,
                                           const std::vector<std::string_view>& valid,
                                           std::string_view fallback) const;

  /// A model parameter `{ value, range, distribution, evidence, source }`. Bare numbers are
  /// refused. Values and range of kDuration, kBytes, kBandwidth, kFrequency and kFlops are strings
  /// with units, or numbers in the base unit for kBytes; kCount takes integers, kNumber numbers.
  [[nodiscard]] Result<Parameter> parameter(std::string_view key, Quantity quantity) const;

  /// The error for what is wrong with the value of `key`, at its place (at the table if absent).
  [[nodiscard]] Error error(std::string_view key, std::string_view reason) const;
  /// The same for the table as a whole.
  [[nodiscard]] Error error(std::string_view reason) const;

  /// Refuses keys of this table, and of the tables reached from it, that nobody asked for; the
  /// error names the nearest one that was.
  [[nodiscard]] Result<void> finish() const;

 private:
  friend class TomlDocument;
  explicit TomlTable(std::shared_ptr<TomlEntry> entry) : entry_(std::move(entry)) {}
  std::shared_ptr<TomlEntry> entry_;  ///< shares ownership of the whole document
};

/// A parsed TOML file.
class TomlDocument {
 public:
  /// Errors: kIo (cannot be read), kParse (toml++'s message at file:line:column).
  [[nodiscard]] static Result<TomlDocument> load(const std::filesystem::path& file);
  /// `display_name` stands for the file in errors. What the overrides bring, in their order, is
  /// read as if it stood in the file, and errors about it name the place where it was written.
  /// Errors: kParse; also an override's path that leads nowhere.
  [[nodiscard]] static Result<TomlDocument> parse(std::string_view text, std::string display_name,
                                                  std::span<const Override> overrides = {});

  [[nodiscard]] const TomlTable& root() const { return root_; }
  /// `schema = 1` must come with the document. Errors: kParse.
  [[nodiscard]] Result<void> expect_schema(std::uint64_t version) const;

 private:
  explicit TomlDocument(TomlTable root) : root_(std::move(root)) {}
  TomlTable root_;
};

/// Reads a whole file. Errors: kIo naming the file.
[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& file);

/// Moves the value of a `Result` to `out`, for use inside GPREEMPT_TRY.
template <class T, class U>
[[nodiscard]] Result<void> store(T& out, Result<U> result) {
  if (!result) {
    return tl::unexpected<Error>(std::move(result).error());
  }
  out = std::move(*result);
  return {};
}

}  // namespace gpreempt
