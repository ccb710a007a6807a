#include "tests/support/expectations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"

namespace gpreempt::contract {
namespace {

using std::chrono::year_month_day;

/// Whole numbers of at least one digit between `separator`s; nullopt for anything else.
std::optional<std::vector<unsigned>> numbers_of(std::string_view text, char separator) {
  std::vector<unsigned> numbers;
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    unsigned number = 0;
    const auto read = std::from_chars(text.data(), text.data() + end, number);
    if (end == 0 || read.ec != std::errc() || read.ptr != text.data() + end) {
      return std::nullopt;
    }
    numbers.push_back(number);
    if (end == text.size()) {
      return numbers;
    }
    text.remove_prefix(end + 1);
  }
}

std::optional<year_month_day> day_of(std::string_view text) {
  constexpr std::size_t kParts = 3;
  const auto parts = numbers_of(text, '-');
  if (!parts || parts->size() != kParts) {
    return std::nullopt;
  }
  const year_month_day day(std::chrono::year(static_cast<int>((*parts)[0])),
                           std::chrono::month((*parts)[1]), std::chrono::day((*parts)[2]));
  return day.ok() ? std::optional(day) : std::nullopt;
}

/// Major, minor and patch; what is missing is 0.
std::optional<std::array<unsigned, 3>> version_of(std::string_view text) {
  std::array<unsigned, 3> version{};
  const auto parts = numbers_of(text, '.');
  if (!parts || parts->size() < 2 || parts->size() > version.size()) {
    return std::nullopt;
  }
  std::copy(parts->begin(), parts->end(), version.begin());
  return version;
}

/// Whether `name` is `pattern`, in which a '*' stands for anything.
bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) {
    return pattern == name;
  }
  if (!name.starts_with(pattern.substr(0, star))) {
    return false;
  }
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t i = star; i <= name.size(); ++i) {
    if (matches(rest, name.substr(i))) {
      return true;
    }
  }
  return false;
}

Result<Divergence> read(const TomlTable& table, bool needs_hive) {
  Divergence divergence;
  divergence.needs_hive = needs_hive;
  GPREEMPT_TRY(store(divergence.test, table.string("test")));
  GPREEMPT_TRY(store(divergence.world, table.choice("world", {"sim", "vkfd", "kfd"})));
  GPREEMPT_TRY(store(divergence.reason, table.string("reason")));
  if (divergence.test.empty()) {
    return tl::unexpected<Error>(
        table.error("test", "names no test; write one as the test program lists it"));
  }
  if (divergence.reason.empty()) {
    return tl::unexpected<Error>(
        table.error("reason", "is empty; say in a sentence why the worlds differ"));
  }
  if (needs_hive) {
    return divergence;
  }
  GPREEMPT_TRY(store(divergence.expires, table.string("expires")));
  if (!day_of(divergence.expires) && !version_of(divergence.expires)) {
    return tl::unexpected<Error>(table.error(
        "expires", fmt::format("'{}' is no day and no version; write \"2027-03-31\" or \"0.2\"",
                               divergence.expires)));
  }
  return divergence;
}

}  // namespace

Result<std::vector<Divergence>> parse_divergences(std::string_view text,
                                                  const std::string& display_name) {
  const Result<TomlDocument> document = TomlDocument::parse(text, display_name);
  GPREEMPT_TRY(document);
  GPREEMPT_TRY(document->expect_schema(1));
  std::vector<Divergence> divergences;
  for (const bool needs_hive : {false, true}) {
    std::vector<TomlTable> tables;
    GPREEMPT_TRY(
        store(tables, document->root().tables(needs_hive ? "exclusive_hive" : "divergence")));
    for (const TomlTable& table : tables) {
      Divergence divergence;
      GPREEMPT_TRY(store(divergence, read(table, needs_hive)));
      divergences.push_back(std::move(divergence));
    }
  }
  GPREEMPT_TRY(document->root().finish());
  return divergences;
}

Result<std::vector<Divergence>> load_divergences(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".toml") {
      files.push_back(entry.path());
    }
  }
  if (error) {
    return fail(Errc::kIo, fmt::format("read expectations in {}: {}; run from a source tree",
                                       folder.string(), error.message()));
  }
  std::sort(files.begin(), files.end());
  std::vector<Divergence> all;
  for (const std::filesystem::path& file : files) {
    std::string text;
    GPREEMPT_TRY(store(text, read_text_file(file)));
    std::vector<Divergence> some;
    GPREEMPT_TRY(store(some, parse_divergences(text, file.string())));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

bool has_expired(const Divergence& divergence, const Present& present) {
  if (divergence.needs_hive) {
    return false;
  }
  if (const auto day = day_of(divergence.expires)) {
    return present.today >= *day;
  }
  return version_of(present.version) >= version_of(divergence.expires);
}

const Divergence* find_divergence(std::span<const Divergence> divergences, std::string_view world,
                                  std::string_view test, const Present& present) {
  const auto found = std::ranges::find_if(divergences, [&](const Divergence& each) {
    return each.world == world && matches(each.test, test) && !has_expired(each, present) &&
           !(each.needs_hive && present.exclusive_hive);
  });
  return found == divergences.end() ? nullptr : &*found;
}

std::string skip_reason(const Divergence& divergence) {
  if (divergence.needs_hive) {
    return fmt::format("needs --exclusive-hive: {}", divergence.reason);
  }
  return fmt::format("known divergence: {} (until {})", divergence.reason, divergence.expires);
}

std::vector<std::string> complaints(std::span<const Divergence> divergences, std::string_view world,
                                    std::span<const std::string> tests, const Present& present) {
  std::vector<std::string> all;
  for (const Divergence& each : divergences) {
    if (each.world != world) {
      continue;
    }
    if (has_expired(each, present)) {
      all.push_back(
          fmt::format("expectation {}/{}: it has expired ({}); mend the divergence or give a new "
                      "reason and end",
                      each.world, each.test, each.expires));
    }
    if (std::ranges::none_of(tests, [&](const auto& test) { return matches(each.test, test); })) {
      all.push_back(fmt::format("expectation {}/{}: there is no such test; remove it", each.world,
                                each.test));
    }
  }
  return all;
}

}  // namespace gpreempt::contract
