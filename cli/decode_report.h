#pragma once

#include <string>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/safety/kernel_log.h"
#include "experiments/runtime_log.h"

/// What `gpreempt decode` prints of a dump: tables, or every word by its name. docs/decode.md has
/// the schema.
namespace gpreempt::cli {

[[nodiscard]] std::string decode_text(const kfd::debugfs::MqdsDump& dump);
[[nodiscard]] std::string decode_text(const kfd::debugfs::HqdsDump& dump);
[[nodiscard]] std::string decode_text(const kfd::debugfs::RlsDump& dump);

[[nodiscard]] std::string decode_json(const kfd::debugfs::MqdsDump& dump);
[[nodiscard]] std::string decode_json(const kfd::debugfs::HqdsDump& dump);
[[nodiscard]] std::string decode_json(const kfd::debugfs::RlsDump& dump);

/// The queues of a log of the HIP runtime, under the runtime's own ids.
[[nodiscard]] std::string decode_text(const std::vector<experiments::RuntimeQueue>& queues);
[[nodiscard]] std::string decode_json(const std::vector<experiments::RuntimeQueue>& queues);

/// The lines of trouble of a kernel's log: as they are, and nothing else.
[[nodiscard]] std::string decode_text(const std::vector<kfd::LogLine>& lines);
[[nodiscard]] std::string decode_json(const std::vector<kfd::LogLine>& lines);

}  // namespace gpreempt::cli
