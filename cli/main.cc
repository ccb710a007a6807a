#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <variant>
#include <vector>

#include "cli/exit_code.h"
#include "cli/run_command.h"
#include "cli/run_options.h"
#include "core/error.h"

namespace {

using gpreempt::Error;
using gpreempt::Result;
using gpreempt::cli::Command;
using gpreempt::cli::ExitCode;

int report(const Error& error) {
  fmt::print(stderr, "gpreempt: {}\n", error.what);
  return static_cast<int>(gpreempt::cli::exit_code_for(error.code));
}

int run(const std::vector<std::string>& arguments) {
  const Result<Command> command = gpreempt::cli::parse_command_line(arguments);
  if (!command) {
    return report(command.error());
  }
  if (const auto* printout = std::get_if<gpreempt::cli::Printout>(&*command)) {
    fmt::print("{}", printout->text);
    return static_cast<int>(ExitCode::kOk);
  }
  const Result<ExitCode> code =
      gpreempt::cli::run_command(std::get<gpreempt::cli::RunOptions>(*command));
  return code ? static_cast<int>(*code) : report(code.error());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::bad_alloc&) {
    (void)std::fputs("gpreempt: out of memory; shorten the run or free some\n", stderr);
    return static_cast<int>(ExitCode::kEnvironment);
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "gpreempt: internal error: %s; please report it\n", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}
