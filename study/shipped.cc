#include "study/shipped.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"

namespace gpreempt::study {

Result<StudyText> find_study(const std::string& name) {
  std::error_code status;
  if (std::filesystem::is_regular_file(name, status)) {
    StudyText found{.text = {}, .display_name = name};
    if (Result<void> read = store(found.text, read_text_file(name)); !read) {
      return fail(Errc::kInvalidArgument, read.error().what);
    }
    return found;
  }
  const auto shipped = std::ranges::find(embedded_studies(), name, &EmbeddedStudy::name);
  if (shipped != embedded_studies().end()) {
    return StudyText{.text = std::string(shipped->text),
                     .display_name = fmt::format("{}.toml", shipped->name)};
  }
  if (std::filesystem::is_directory(name, status)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("load study '{}': it is a folder; name a TOML file", name));
  }
  std::vector<std::string_view> names;
  for (const EmbeddedStudy& each : embedded_studies()) {
    names.push_back(each.name);
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("load study '{}': there is no such file or built-in study{}", name,
                          suggestion(name, names)));
}

}  // namespace gpreempt::study
