#include "cli/run_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "cli/run_help.h"
#include "config/document.h"
#include "core/error.h"
#include "core/name_spec.h"
#include "core/nearest.h"
#include "core/policy.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

constexpr std::array<std::string_view, 3> kBackends = {"sim", "vkfd", "kfd"};

/// Values as they stand on the command line.
struct RawRun {
  std::string scenario = "default";
  std::string backend = "sim";
  std::vector<std::string> policies;
  std::string mechanism;
  std::vector<std::string> traces;
  std::string seed;
  std::string duration;
  std::string format = "text";
  std::string out;
  bool gate = false;
  bool quiet = false;
};

/// Adds the options of `run`; `raw` must outlive the app.
CLI::App* add_run(CLI::App& app, RawRun& raw) {
  CLI::App* run = app.add_subcommand("run", std::string(kRunSummary));
  run->add_option("SCENARIO", raw.scenario, "A TOML file, or a built-in scenario")
      ->capture_default_str();
  run->add_option("--backend", raw.backend,
                  "sim, vkfd or kfd; sim:MODEL,personality=NAME overrides the scenario")
      ->capture_default_str();
  run->add_option("--policy", raw.policies,
                  "A policy, a comma list, or all; repeatable (default: the scenario's)")
      ->allow_extra_args(false);
  run->add_option("--mechanism", raw.mechanism,
                  "How queues are taken off the GPU (default: the scenario's)");
  run->add_option("--trace", raw.traces,
                  "[TENANT=]FILE: arrivals of a tenant whose arrivals are a trace; repeatable")
      ->allow_extra_args(false);
  run->add_option("--seed", raw.seed, "Of every random draw (default: the scenario's)");
  run->add_option("--duration", raw.duration,
                  "How long requests arrive, such as 5s (default: the scenario's)");
  run->add_option("--format", raw.format, "text or json, on stdout")->capture_default_str();
  run->add_option("--out", raw.out, "Writes an evidence bundle into this folder");
  run->add_flag("--gate", raw.gate,
                "Exit 1 if a policy misses a first limit of [slo], or the backend refuses it");
  run->set_version_flag("--version", std::string(kVersionLine));
  run->add_flag("--quiet", raw.quiet, "No progress on stderr");
  run->footer(run_footer());
  run->allow_extras();
  return run;
}

std::vector<std::string_view> option_names(const CLI::App& app) {
  std::vector<std::string_view> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.emplace_back(name);
    }
  }
  return names;
}

Error unknown_argument(const CLI::App& app, const std::string& argument) {
  const std::string where = app.get_name().empty() ? "gpreempt" : "gpreempt " + app.get_name();
  if (argument.starts_with("-")) {
    const std::size_t begin = argument.find_first_not_of('-');
    const std::string word = begin == std::string::npos
                                 ? std::string{}
                                 : argument.substr(begin, argument.find('=') - begin);
    const std::vector<std::string_view> names = option_names(app);
    const std::string_view nearest = nearest_name(word, names);
    return {.code = Errc::kInvalidArgument,
            .sys_errno = 0,
            .what = fmt::format("reading the command line: {} has no option '{}'; the nearest is "
                                "'--{}', see '{} --help'",
                                where, argument, nearest, where)};
  }
  if (app.get_name().empty()) {
    constexpr std::array<std::string_view, 1> kCommands = {"run"};
    return {.code = Errc::kInvalidArgument,
            .sys_errno = 0,
            .what = fmt::format("reading the command line: no command '{}'{}", argument,
                                suggestion(argument, kCommands))};
  }
  return {.code = Errc::kInvalidArgument,
          .sys_errno = 0,
          .what = fmt::format("reading the command line: '{}' is one argument too many; see '{} "
                              "--help'",
                              argument, where)};
}

// ---- values ------------------------------------------------------------------------------------

Result<BackendChoice> read_backend(const std::string& text) {
  NameSpec spec;
  GPREEMPT_TRY(store(spec, parse_name_spec("--backend", text)));
  const auto* const found = std::ranges::find(kBackends, spec.name);
  if (found == kBackends.end()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --backend '{}': no backend '{}'{}", text, spec.name,
                            suggestion(spec.name, kBackends)));
  }
  BackendChoice choice;
  choice.kind = static_cast<BackendKind>(found - kBackends.begin());
  choice.model = spec.bare;
  for (const auto& [key, value] : spec.options) {
    constexpr std::array<std::string_view, 2> kKeys = {"model", "personality"};
    if (std::ranges::find(kKeys, key) == kKeys.end()) {
      return fail(Errc::kInvalidArgument, fmt::format("reading --backend '{}': no option '{}'{}",
                                                      text, key, suggestion(key, kKeys)));
    }
    std::string& target = key == "model" ? choice.model : choice.personality;
    if (value.empty() || !target.empty()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading --backend '{}': {} needs one value", text, key));
    }
    target = value;
  }
  return choice;
}

Result<std::uint64_t> read_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seed);
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (error != std::errc{} || stop != end || seed > kMax) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("reading --seed '{}': a seed is a whole number from 0 to {}", text, kMax));
  }
  return seed;
}

Result<Duration> read_duration(const std::string& text) {
  Result<Duration> duration = parse_duration(text);
  if (!duration) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --duration: {}", duration.error().what));
  }
  if (*duration <= Duration::zero()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --duration '{}': it must be longer than 0", text));
  }
  return duration;
}

Result<OutputFormat> read_format(const std::string& text) {
  constexpr std::array<std::string_view, 2> kFormats = {"text", "json"};
  const auto* const found = std::ranges::find(kFormats, text);
  if (found == kFormats.end()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --format '{}': unknown{}", text, suggestion(text, kFormats)));
  }
  return static_cast<OutputFormat>(found - kFormats.begin());
}

void add_policy(const std::string& name, std::vector<std::string>& policies) {
  if (std::ranges::find(policies, name) == policies.end()) {
    policies.push_back(name);
  }
}

void read_policies(const std::vector<std::string>& texts, RunOptions& options) {
  for (const std::string& text : texts) {
    for (const std::string& name : split_names(text)) {
      if (name != "all") {
        add_policy(name, options.policies);
        continue;
      }
      options.all_policies = true;
      for (const std::string_view each : policy_names()) {
        add_policy(std::string(each), options.policies);
      }
    }
  }
}

Result<void> read_trace(const std::string& text, RunOptions& options) {
  const std::size_t equals = text.find('=');
  std::error_code ignored;
  const bool names_tenant = equals != std::string::npos && equals != 0 && text.find('/') > equals &&
                            !std::filesystem::exists(text, ignored);
  const std::string tenant = names_tenant ? text.substr(0, equals) : "";
  const std::string file = names_tenant ? text.substr(equals + 1) : text;
  if (file.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --trace '{}': no file; write [TENANT=]FILE", text));
  }
  if (!options.traces.emplace(tenant, file).second) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --trace '{}': a trace for {} was given before", text,
                            tenant.empty() ? "the only tenant with one" : tenant));
  }
  return {};
}

Result<RunOptions> read_run(RawRun raw, bool has_out) {
  RunOptions options;
  options.scenario = std::move(raw.scenario);
  options.out = raw.out;
  options.gate = raw.gate;
  options.quiet = raw.quiet;
  GPREEMPT_TRY(store(options.backend, read_backend(raw.backend)));
  GPREEMPT_TRY(store(options.format, read_format(raw.format)));
  read_policies(raw.policies, options);
  if (!raw.mechanism.empty()) {
    options.mechanism = raw.mechanism;
  }
  for (const std::string& trace : raw.traces) {
    GPREEMPT_TRY(read_trace(trace, options));
  }
  if (!raw.seed.empty()) {
    GPREEMPT_TRY(store(options.seed, read_seed(raw.seed)));
  }
  if (!raw.duration.empty()) {
    GPREEMPT_TRY(store(options.duration, read_duration(raw.duration)));
  }
  if (has_out && raw.out.empty()) {
    return fail(Errc::kInvalidArgument, "reading --out: the name of the folder is empty");
  }
  return options;
}

Result<Command> read_command(CLI::App& app, const CLI::App& run, RawRun raw) {
  for (const CLI::App* each : {static_cast<const CLI::App*>(&app), &run}) {
    if (const std::vector<std::string> extra = each->remaining(); !extra.empty()) {
      return tl::unexpected<Error>(unknown_argument(*each, extra.front()));
    }
  }
  if (!run.parsed()) {
    return fail(Errc::kInvalidArgument,
                "reading the command line: no command; try 'gpreempt run', or 'gpreempt --help'");
  }
  Result<RunOptions> options = read_run(std::move(raw), run.count("--out") != 0);
  if (!options) {
    return tl::unexpected<Error>(std::move(options).error());
  }
  return Command{*std::move(options)};
}

}  // namespace

const char* to_string(BackendKind kind) {
  return kBackends.at(static_cast<std::size_t>(kind)).data();
}

Result<Command> parse_command_line(const std::vector<std::string>& arguments) {
  CLI::App app(std::string(kToolSummary), "gpreempt");
  app.set_version_flag("--version", std::string(kVersionLine));
  app.footer(std::string(kToolFooter));
  app.allow_extras();
  RawRun raw;
  CLI::App* run = add_run(app, raw);
  app.name("");
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    app.name("gpreempt");
    return Command{Printout{run->parsed() ? run->help("gpreempt") : app.help()}};
  } catch (const CLI::CallForVersion&) {
    return Command{Printout{std::string(kVersionLine) + "\n"}};
  } catch (const CLI::ParseError& error) {
    return fail(Errc::kInvalidArgument, fmt::format("reading the command line: {}; see 'gpreempt "
                                                    "--help'",
                                                    error.what()));
  }
  Result<Command> command = read_command(app, *run, std::move(raw));
  if (command) {
    if (auto* options = std::get_if<RunOptions>(&*command)) {
      options->command = arguments;
    }
  }
  return command;
}

}  // namespace gpreempt::cli
