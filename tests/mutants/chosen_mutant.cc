// The defect that this process has: only the build of ci/mutants holds this file, in its core.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/mutant.h"

namespace gpreempt {
namespace {

constexpr auto kNames = std::to_array<std::string_view>({
#define MUTANT(name, file, defect) name,
#include "tests/mutants/mutants.def"
#undef MUTANT
});

/// "" = none. A name that is not in the list would pass every test and look like a survivor.
std::string read_choice() {
  const char* const text = std::getenv("GPREEMPT_MUTANT");
  std::string name = text == nullptr ? "" : text;
  if (!name.empty() && std::ranges::find(kNames, name) == kNames.end()) {
    std::fprintf(stderr, "GPREEMPT_MUTANT='%s': no such mutant; see tests/mutants/mutants.def\n",
                 name.c_str());
    std::_Exit(EXIT_FAILURE);
  }
  return name;
}

/// Read once, before anything can start a thread.
const std::string kChosen = read_choice();

}  // namespace

bool has_mutant(std::string_view name) { return name == kChosen; }

}  // namespace gpreempt
