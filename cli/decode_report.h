#pragma once

#include <string>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"

/// What `gpreempt decode` prints of a dump: tables, or every word by its name. docs/decode.md has
/// the schema.
namespace gpreempt::cli {

[[nodiscard]] std::string decode_text(const kfd::debugfs::MqdsDump& dump);
[[nodiscard]] std::string decode_text(const kfd::debugfs::HqdsDump& dump);
[[nodiscard]] std::string decode_text(const kfd::debugfs::RlsDump& dump);

[[nodiscard]] std::string decode_json(const kfd::debugfs::MqdsDump& dump);
[[nodiscard]] std::string decode_json(const kfd::debugfs::HqdsDump& dump);
[[nodiscard]] std::string decode_json(const kfd::debugfs::RlsDump& dump);

}  // namespace gpreempt::cli
