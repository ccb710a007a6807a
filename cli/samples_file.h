#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibration/sample.h"
#include "core/error.h"

/// The samples of `experiment suspend-costs` as files: samples.csv, which a calibration is fitted
/// to, and held-out.csv, which it is judged by. docs/calibration.md has the columns.
namespace gpreempt::cli {

inline constexpr std::string_view kSamplesFile = "samples.csv";
inline constexpr std::string_view kHeldOutFile = "held-out.csv";

[[nodiscard]] std::string samples_text(std::span<const calibration::CallSample> samples);

/// `name` stands for the file in errors. Errors: kParse (file:line).
[[nodiscard]] Result<std::vector<calibration::CallSample>> read_samples(std::string_view text,
                                                                        std::string_view name);

/// The first half of the repetitions at every place with every grace period, and the second.
struct Halves {
  std::vector<calibration::CallSample> fit;
  std::vector<calibration::CallSample> held_out;
};
[[nodiscard]] Halves halves_of(std::span<const calibration::CallSample> samples);

/// Writes both files into a folder that is there; without samples removes what an earlier command
/// left. Errors: kIo.
[[nodiscard]] Result<void> write_samples(const std::filesystem::path& folder,
                                         std::span<const calibration::CallSample> samples);

}  // namespace gpreempt::cli
