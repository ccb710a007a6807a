# Writes OUTPUT: models/*.toml (FILES, separated by |) as string literals.
string(REPLACE "|" ";" files "${FILES}")
set(entries "")
foreach(file IN LISTS files)
  file(READ ${file} text)
  cmake_path(GET file STEM name)
  string(APPEND entries "    {\"${name}\", R\"~~(${text})~~\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"backends/sim/embedded_models.h\"

#include <array>
#include <span>

namespace gpreempt::sim {
namespace {
constexpr auto kModels = std::to_array<EmbeddedModel>({
${entries}});
}  // namespace
std::span<const EmbeddedModel> embedded_models() { return kModels; }
}  // namespace gpreempt::sim
")
