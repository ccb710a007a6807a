#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <map>
#include <regex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/layering/rules.h"
#include "tests/layering/source_text.h"

namespace gpreempt::tidy {
namespace {

constexpr std::string_view kList = "tests/mutants/mutants.def";

/// Where a name was found.
struct Place {
  std::string path;
  std::size_t line = 0;
};

std::size_t line_at(std::string_view text, std::ptrdiff_t position) {
  return 1 + lines_of(text.substr(0, static_cast<std::size_t>(position))).size() -
         (position > 0 && text[static_cast<std::size_t>(position) - 1] != '\n' ? 1U : 0U);
}

/// The first group of each match in a C++ text, and the line where it begins.
std::multimap<std::string, Place> find_names(const SourceFile& file, const std::regex& pattern) {
  std::multimap<std::string, Place> names;
  const std::string code = without_comments(file.text, true);
  for (std::sregex_iterator each(code.begin(), code.end(), pattern), end; each != end; ++each) {
    names.emplace((*each)[1].str(),
                  Place{.path = file.path, .line = line_at(code, each->position())});
  }
  return names;
}

/// As the list has them: a name, and the file that it says.
struct Entry {
  std::string name;
  std::string file;
  std::size_t line = 0;
};

std::vector<Entry> entries_of(const SourceFile& list) {
  static const std::regex pattern(R"re(\bMUTANT\(\s*"([^"]*)",\s*"([^"]*)")re");
  std::vector<Entry> entries;
  const std::string code = without_comments(list.text, true);
  for (std::sregex_iterator each(code.begin(), code.end(), pattern), end; each != end; ++each) {
    entries.push_back({.name = (*each)[1].str(),
                       .file = (*each)[2].str(),
                       .line = line_at(code, each->position())});
  }
  return entries;
}

std::multimap<std::string, Place> sites_of(std::span<const SourceFile> tree) {
  static const std::regex pattern(R"re(\bGPREEMPT_MUTANT\(\s*"([^"]*)"\s*\))re");
  std::multimap<std::string, Place> sites;
  for (const SourceFile& file : tree) {
    if (file.is_cpp() && (file.is_under("core") || file.is_under("backends"))) {
      sites.merge(find_names(file, pattern));
    }
  }
  return sites;
}

}  // namespace

Findings check_mutants(std::span<const SourceFile> tree) {
  Findings findings;
  std::multimap<std::string, Place> unlisted = sites_of(tree);
  for (const SourceFile& file : tree) {
    if (file.path != kList) {
      continue;
    }
    for (const Entry& entry : entries_of(file)) {
      const auto [first, last] = unlisted.equal_range(entry.name);
      if (std::distance(first, last) != 1 || first->second.path != entry.file) {
        findings.push_back({.path = file.path,
                            .line = entry.line,
                            .message = fmt::format(
                                "mutant '{}': it must stand once, in {}, and in no second entry",
                                entry.name, entry.file)});
      }
      unlisted.erase(first, last);
    }
  }
  for (const auto& [name, place] : unlisted) {
    findings.push_back({.path = place.path,
                        .line = place.line,
                        .message = fmt::format("mutant '{}': it is not in {}", name, kList)});
  }
  return findings;
}

}  // namespace gpreempt::tidy
