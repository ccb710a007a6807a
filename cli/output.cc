#include "cli/output.h"

#include <cstdio>
#include <string>

#include "core/error.h"

namespace gpreempt::cli {

Result<void> print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return fail(Errc::kIo, "print the result: stdout cannot be written");
  }
  return {};
}

}  // namespace gpreempt::cli
