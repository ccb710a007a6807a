#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/override.h"
#include "core/error.h"
#include "core/time.h"

/// Values of options that several verbs have. Errors are kInvalidArgument and name the option.
namespace gpreempt::cli {

enum class OutputFormat { kText, kJson };

[[nodiscard]] Result<OutputFormat> read_format(const std::string& text);

/// A seed, 0 to 2^63 - 1.
[[nodiscard]] Result<std::uint64_t> read_seed(const std::string& text);

/// A duration longer than 0.
[[nodiscard]] Result<Duration> read_duration(const std::string& text);

/// How many draws `--band`, or another option, takes: 2 to 100000.
[[nodiscard]] Result<std::uint32_t> read_draws(const std::string& text,
                                               std::string_view option = "--band");

/// Reads values of --trace, [TENANT=]FILE: files by tenant; "" is the only tenant with a trace.
[[nodiscard]] Result<std::map<std::string, std::filesystem::path>> read_traces(
    const std::vector<std::string>& texts);

/// Reads a --set: "offline.train.step.repeat.1.duration=2ms".
[[nodiscard]] Result<Override> read_override(const std::string& text);

}  // namespace gpreempt::cli
