#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

/// Where the results of a verdicts.json come from: world, machine, versions, and what was asked.
/// No I/O.
namespace gpreempt::experiments {

/// Empty or nullopt: not told, or without meaning for this backend.
struct Provenance {
  std::string backend;                ///< "sim", "vkfd", "kfd" or "files"
  std::string gpu;                    ///< model of the GPUs; several of them separated by ", "
  std::string gfx;                    ///< target, "gfx942"
  std::optional<std::uint64_t> gpus;  ///< how many the machine has; a model has as many as asked
  std::string driver;                 ///< its version, of a model its personality
  std::map<std::string, std::string> firmware;  ///< version by name
  std::optional<std::uint64_t> seed;
  std::string profile;                       ///< "quick" or "full"
  std::string built_from;                    ///< version and commit of the program
  std::map<std::string, std::string> gates;  ///< limits that verdicts were held against
};

/// One JSON object of a line: backend, machine (gpu, gfx, gpus), driver, firmware, seed, profile,
/// built_from, gates. Null: not told.
[[nodiscard]] std::string to_json(const Provenance& provenance);

/// That of a verdicts.json; nullopt: it has none, as those of earlier versions. `source` names the
/// file in errors. Errors: kParse (it is not JSON, or one of the keys has another type).
[[nodiscard]] Result<std::optional<Provenance>> read_provenance(std::string_view text,
                                                                const std::string& source);

/// "gfx942" of the driver's number 90402; its last two digits count in hexadecimal.
[[nodiscard]] std::string gfx_of(std::uint64_t target_version);

/// The refusal of a file of results, which `source` names. kParse.
[[nodiscard]] tl::unexpected<Error> refused_results(const std::string& source,
                                                    std::string_view reason);

}  // namespace gpreempt::experiments
