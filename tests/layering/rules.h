#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tests/layering/source_text.h"

/// The rules of ARCHITECTURE.md that a compiler does not enforce. Each takes text and returns what
/// it found, so that a test can show that it bites.
namespace gpreempt::tidy {

struct Finding {
  std::string path;
  std::size_t line = 0;  ///< 1-based; 0 = the whole file
  std::string message;   ///< what is wrong, and what to use instead
};
using Findings = std::vector<Finding>;

/// The dependency rule: what each folder may include of ours, of libraries and of the system.
[[nodiscard]] Findings check_includes(const SourceFile& file);

/// The simulator's models (gpu/, kfd_model/) reach no SimGrid header, not even through a header of
/// ours.
[[nodiscard]] Findings check_models(std::span<const SourceFile> tree);

/// Words that C++ files must not contain, outside comments and literals except where the rule says
/// so.
[[nodiscard]] Findings check_words(const SourceFile& file);

/// At most 450 lines and 100 columns (lines with a literal may be longer: a format in a raw string
/// cannot be broken), and `#pragma once` in headers.
[[nodiscard]] Findings check_shape(const SourceFile& file);

/// No folder of somebody's machine in any text file.
[[nodiscard]] Findings check_paths(const SourceFile& file);

/// Every .cc file is named in a CMakeLists.txt, by its path from there.
[[nodiscard]] Findings check_listed(std::span<const SourceFile> tree);

/// Every seeded defect of tests/mutants/mutants.def stands once in the file that the list names,
/// and every GPREEMPT_MUTANT("name") of core and the backends is in the list.
[[nodiscard]] Findings check_mutants(std::span<const SourceFile> tree);

}  // namespace gpreempt::tidy
