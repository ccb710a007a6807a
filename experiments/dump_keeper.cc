#include "experiments/dump_keeper.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "experiments/hardware_view.h"
#include "experiments/saved_folder.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

void DumpKeeper::keep(std::string_view run, std::string_view when,
                      const HardwareTexts& texts) const {
  tell(run, fmt::format("mqd_{}.txt", when), texts.mqds);
  tell(run, fmt::format("hqd_{}.txt", when), texts.hqds);
}

void DumpKeeper::keep_number(std::string_view run, std::string_view model, std::string_view what,
                             std::int64_t number) const {
  tell(run, number_file_name(model, what), fmt::format("{}\n", number));
}

Result<void> DumpKeeper::look(Session& session, std::string_view run, std::string_view when) {
  if (!tell_ || !missing_.empty()) {
    return {};
  }
  const Result<HardwareTexts> texts = read_hardware(session);
  if (texts) {
    keep(run, when, *texts);
  } else if (shows_no_hardware(texts.error())) {
    missing_ = texts.error().what;
  } else {
    return tl::unexpected<Error>(texts.error());
  }
  return {};
}

void DumpKeeper::tell(std::string_view run, std::string file, std::string text) const {
  if (tell_) {
    tell_({.name = fmt::format("{}/{}/{}", experiment_, run, file), .text = std::move(text)});
  }
}

}  // namespace gpreempt::experiments
