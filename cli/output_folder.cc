#include "cli/output_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <ios>
#include <string_view>
#include <system_error>

#include "core/error.h"

namespace gpreempt::cli {

Result<void> make_output_folder(const std::filesystem::path& folder, std::string_view what,
                                std::string_view mark, bool ours) {
  std::error_code error;
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_directory(folder, error)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("write {} to {}: it is a file; name a folder", what, folder.string()));
  }
  if (std::filesystem::is_directory(folder, error) && !std::filesystem::is_empty(folder, error) &&
      !ours) {
    return fail(Errc::kInvalidArgument,
                fmt::format("write {} to {}: the folder holds something else (no {}); name an "
                            "empty or a new one",
                            what, folder.string(), mark));
  }
  std::filesystem::create_directories(folder, error);
  if (error) {
    return tl::unexpected<Error>(write_error(folder, error.message()));
  }
  return {};
}

Result<void> write_text(const std::filesystem::path& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  return out ? Result<void>{} : tl::unexpected<Error>(write_error(file, "it cannot be written"));
}

Error write_error(const std::filesystem::path& file, std::string_view reason) {
  return {.code = Errc::kIo,
          .sys_errno = 0,
          .what = fmt::format("write {}: {}; choose another --out", file.string(), reason)};
}

}  // namespace gpreempt::cli
