# Writes OUTPUT: case files (FILES, separated by |) as string literals.
string(REPLACE "|" ";" files "${FILES}")
set(entries "")
foreach(file IN LISTS files)
  file(READ ${file} text)
  cmake_path(GET file STEM name)
  string(APPEND entries "    {\"${name}\", R\"~~(${text})~~\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"conformance/embedded_cases.h\"

#include <array>
#include <span>

namespace gpreempt::conformance {
namespace {
constexpr auto kCases = std::to_array<EmbeddedCases>({
${entries}});
}  // namespace
std::span<const EmbeddedCases> embedded_cases() { return kCases; }
}  // namespace gpreempt::conformance
")
