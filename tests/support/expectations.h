#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

/// Tests that are left out in a world, as data with the reason: known divergences, until a day or a
/// version by which they are to be gone; and what may disturb others, unless nobody else is there.
namespace gpreempt::contract {

struct Divergence {
  std::string test;     ///< as GoogleTest prints it, e.g. "Backend/SuspendTest.*/Mi308x"
  std::string world;    ///< "sim", "vkfd" or "kfd"
  std::string reason;   ///< a sentence
  std::string expires;  ///< the first day ("2027-03-31") or version ("0.2") that it is an error in
  bool needs_hive = false;  ///< no divergence, and without an end: it needs --exclusive-hive
};

/// What decides whether an entry holds.
struct Present {
  std::chrono::year_month_day today;
  std::string version;          ///< of the project
  bool exclusive_hive = false;  ///< nobody else uses the GPUs or their hive
};

/// Reads a file of `schema = 1`, `[[divergence]]` tables with the first four keys above, and
/// `[[exclusive_hive]]` tables with the first three. Errors: kParse (file:line:column: what is
/// wrong, and what to write).
[[nodiscard]] Result<std::vector<Divergence>> parse_divergences(std::string_view text,
                                                                const std::string& display_name);
/// All `*.toml` of a folder, in the order of their names. Errors: those of `parse_divergences`,
/// kIo.
[[nodiscard]] Result<std::vector<Divergence>> load_divergences(const std::filesystem::path& folder);

[[nodiscard]] bool has_expired(const Divergence& divergence, const Present& present);

/// The first entry that leaves `test` out in `world` at present; null if none does.
[[nodiscard]] const Divergence* find_divergence(std::span<const Divergence> divergences,
                                                std::string_view world, std::string_view test,
                                                const Present& present);

/// What a test that is left out is skipped with.
[[nodiscard]] std::string skip_reason(const Divergence& divergence);

/// A sentence for each entry of `world` that has expired, or that names none of `tests`.
[[nodiscard]] std::vector<std::string> complaints(std::span<const Divergence> divergences,
                                                  std::string_view world,
                                                  std::span<const std::string> tests,
                                                  const Present& present);

}  // namespace gpreempt::contract
