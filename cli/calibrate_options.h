#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/option_values.h"
#include "cli/run_options.h"

namespace gpreempt::cli {

/// `gpreempt calibrate` as written.
struct CalibrateOptions {
  std::filesystem::path bundle;  ///< empty: a campaign
  std::filesystem::path out;     ///< empty: nothing is kept
  std::string model = "mi308x";  ///< whose costs are fitted
  OutputFormat format = OutputFormat::kText;
  std::uint64_t seed = 1;
  std::uint32_t campaign = 0;  ///< bundles of modelled machines whose costs are known; 0: none
  BackendKind backend = BackendKind::kVkfd;  ///< of the campaign
  bool wrong_model = false;                  ///< the campaign's machines break the formulas
  bool quiet = false;
};

}  // namespace gpreempt::cli
