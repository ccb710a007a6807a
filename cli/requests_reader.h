#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/testbed.h"

/// Reads `requests.csv` as a bundle writes it.
namespace gpreempt::cli {

struct SavedRequest {
  std::string policy;  ///< or "online-alone", "offline-alone"
  std::string tenant;
  RequestRecord record;
};

/// Every row, in its order. Strict: another header, a row of other columns and a column that is no
/// number are refused; a time that never came is empty. `name` is the file's, for errors.
/// Errors: kParse ("name:line: reason, and what to do").
[[nodiscard]] Result<std::vector<SavedRequest>> read_requests(std::string_view text,
                                                              std::string_view name);

}  // namespace gpreempt::cli
