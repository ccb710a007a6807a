#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/run_help.h"
#include "cli/verb_line.h"
#include "core/error.h"
#include "core/nearest.h"

namespace gpreempt::cli {
namespace {

struct Verb {
  std::string_view name;
  std::unique_ptr<VerbLine> (*line)();
};

/// In the order of the help.
// NOLINTBEGIN(modernize-use-designated-initializers): a table
constexpr auto kVerbs = std::to_array<Verb>({{"run", run_line},
                                             {"compare", compare_line},
                                             {"replay", replay_line},
                                             {"explain", explain_line},
                                             {"study", study_line},
                                             {"report", report_line},
                                             {"models", models_line},
                                             {"validate", validate_line},
                                             {"validate-hardware", hardware_line},
                                             {"conformance", conformance_line},
                                             {"experiment", experiment_line},
                                             {"calibrate", calibrate_line},
                                             {"soak", soak_line},
                                             {"doctor", doctor_line},
                                             {"decode", decode_line},
                                             {"queues", queues_line},
                                             {"suspend", suspend_line},
                                             {"resume", resume_line},
                                             {"rescue", rescue_line},
                                             {"watchdog", watchdog_line}});
// NOLINTEND(modernize-use-designated-initializers)

constexpr auto kVerbNames = [] {
  std::array<std::string_view, kVerbs.size()> names;
  std::ranges::transform(kVerbs, names.begin(), &Verb::name);
  return names;
}();

std::vector<std::string_view> option_names(const CLI::App& app) {
  std::vector<std::string_view> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.emplace_back(name);
    }
  }
  return names;
}

Error refused(std::string what) {
  return {.code = Errc::kInvalidArgument,
          .sys_errno = 0,
          .what = "reading the command line: " + std::move(what)};
}

/// `where` is "gpreempt" and the verbs up to `app`.
Error unknown_argument(const CLI::App& app, const std::string& where, const std::string& argument) {
  if (argument.starts_with("-")) {
    const std::size_t begin = argument.find_first_not_of('-');
    const std::string word = begin == std::string::npos
                                 ? std::string{}
                                 : argument.substr(begin, argument.find('=') - begin);
    const std::vector<std::string_view> names = option_names(app);
    const std::string_view nearest = nearest_name(word, names);
    return refused(fmt::format("{} has no option '{}'; the nearest is '--{}', see '{} --help'",
                               where, argument, nearest, where));
  }
  if (app.get_parent() == nullptr) {
    return refused(fmt::format("no command '{}'{}", argument, suggestion(argument, kVerbNames)));
  }
  return refused(fmt::format("'{}' is one argument too many; see '{} --help'", argument, where));
}

/// The innermost verb that was written, and the way to it.
struct Innermost {
  const CLI::App* app;
  std::string before;  ///< "gpreempt", and the verbs before it
};
Innermost innermost(const CLI::App& top) {
  Innermost found{.app = &top, .before = ""};
  while (!found.app->get_subcommands().empty()) {
    found.before += found.before.empty() ? "gpreempt" : " " + found.app->get_name();
    found.app = found.app->get_subcommands().front();
  }
  return found;
}

/// Refuses what no app on the way to the innermost one took.
Result<void> check_remaining(const CLI::App& top) {
  const CLI::App* app = &top;
  std::string where = "gpreempt";
  while (true) {
    if (const std::vector<std::string> extra = app->remaining(); !extra.empty()) {
      return tl::unexpected<Error>(unknown_argument(*app, where, extra.front()));
    }
    if (app->get_subcommands().empty()) {
      return {};
    }
    app = app->get_subcommands().front();
    where += " " + app->get_name();
  }
}

/// Things that every verb has.
void finish(CLI::App& app) {
  app.set_version_flag("--version", std::string(kVersionLine));
  app.allow_extras();
  app.require_subcommand(0, 1);
  for (CLI::App* inner : app.get_subcommands({})) {
    finish(*inner);
  }
}

}  // namespace

Result<Command> parse_command_line(const std::vector<std::string>& arguments) {
  CLI::App app(std::string(kToolSummary), "gpreempt");
  std::map<std::string_view, std::unique_ptr<VerbLine>> lines;
  for (const Verb& verb : kVerbs) {
    lines[verb.name] = verb.line();
    lines[verb.name]->add(app);
  }
  app.footer(std::string(kToolFooter));
  finish(app);
  app.name("");
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    app.name("gpreempt");
    const Innermost verb = innermost(app);
    return Command{Printout{verb.app->help(verb.before)}};
  } catch (const CLI::CallForVersion&) {
    return Command{Printout{std::string(kVersionLine) + "\n"}};
  } catch (const CLI::ParseError& error) {
    return fail(Errc::kInvalidArgument, fmt::format("reading the command line: {}; see 'gpreempt "
                                                    "--help'",
                                                    error.what()));
  }
  GPREEMPT_TRY(check_remaining(app));
  if (app.get_subcommands().empty()) {
    return fail(Errc::kInvalidArgument,
                "reading the command line: no command; try 'gpreempt run', or 'gpreempt --help'");
  }
  return lines.at(app.get_subcommands().front()->get_name())->read(arguments);
}

}  // namespace gpreempt::cli
