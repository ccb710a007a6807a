#pragma once

#ifdef GPREEMPT_MUTANTS
#include <string_view>
#endif

/// Seeded defects: `GPREEMPT_MUTANT("name")` is true where this process is to have that defect, and
/// it is part of the one expression that the defect is about. In every build but the one that
/// ci/mutants makes it is the constant false, and no trace of it is in the binary. The defects are
/// listed in tests/mutants/mutants.def; docs/mutants.md tells more.
namespace gpreempt {

#ifdef GPREEMPT_MUTANTS
/// Whether the environment's GPREEMPT_MUTANT names it. Defined in tests/mutants.
[[nodiscard]] bool has_mutant(std::string_view name);
#define GPREEMPT_MUTANT(name) (::gpreempt::has_mutant(name))
#else
inline constexpr bool kNoMutant = false;
#define GPREEMPT_MUTANT(name) (::gpreempt::kNoMutant)
#endif

}  // namespace gpreempt
