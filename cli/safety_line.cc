#include "cli/safety_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "cli/run_options.h"
#include "cli/safety_options.h"
#include "core/error.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {

void SafetyLine::add(CLI::App& verb, const std::string& group) {
  all_ = {verb.add_option("--kernel-log", options_.kernel_log,
                          "Where trouble is looked for; none: nowhere")
              ->capture_default_str(),
          verb.add_option("--back-off", back_off_, "Refuse for so long after trouble; 0s: never")
              ->capture_default_str(),
          verb.add_option("--watchdog-cgroup", options_.watchdog_cgroup,
                          "The control group's folder that the watchdog moves to")};
  for (CLI::Option* const option : all_) {
    option->group(group);
  }
}

Result<SafetyOptions> SafetyLine::read() const {
  SafetyOptions options = options_;
  if (options.kernel_log == "none") {
    options.kernel_log.clear();
  } else if (!options.kernel_log.starts_with('/')) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --kernel-log '{}': it is an absolute path such as /dev/kmsg, "
                            "or none",
                            options.kernel_log));
  }
  const auto back_off = parse_duration(back_off_);
  if (!back_off) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --back-off: {}", back_off.error().what));
  }
  options.back_off = *back_off;
  return options;
}

Result<SafetyOptions> SafetyLine::read(BackendKind kind) const {
  if (kind != BackendKind::kKfd) {
    for (const CLI::Option* const option : all_) {
      if (option->count() != 0) {
        return fail(Errc::kInvalidArgument,
                    fmt::format("reading {}: only what runs on this machine's GPUs is watched, and "
                                "the backend is {}; add --backend kfd",
                                option->get_name(), to_string(kind)));
      }
    }
  }
  return read();
}

}  // namespace gpreempt::cli
