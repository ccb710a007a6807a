#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/ids.h"
#include "experiments/experiment.h"
#include "experiments/hardware_view.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

/// Hands what an experiment sees in mqds and hqds to `Setting::keep`, under names that
/// saved_folder.h reads. Where nobody keeps them, it reads nothing.
class DumpKeeper {
 public:
  /// Into a folder of this experiment's name.
  DumpKeeper(const Setting& setting, std::string_view experiment)
      : tell_(setting.keep), experiment_(experiment) {}

  /// What a look at a run showed. `when`: the stage, and what tells looks of one stage apart.
  void keep(std::string_view run, std::string_view when, const HardwareTexts& texts) const;
  /// model_NAME_WHAT.txt of a run: a number that no dump has.
  void keep_number(std::string_view run, std::string_view model, std::string_view what,
                   std::int64_t number) const;
  /// Looks, for the keeping only. A world that shows no such files is remembered in `missing`.
  /// Blocks: as `read_hardware`. Errors: its, of other kinds.
  [[nodiscard]] Result<void> look(Session& session, std::string_view run, std::string_view when);
  /// Why nothing could be kept; empty: it could, or nobody keeps anything.
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  void tell(std::string_view run, std::string file, std::string text) const;

  std::function<void(SavedFile)> tell_;
  std::string experiment_;
  std::string missing_;
};

}  // namespace gpreempt::experiments
