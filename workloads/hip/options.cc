#include "workloads/hip/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/name_spec.h"
#include "core/option_reader.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/hip/gemm.h"
#include "workloads/hip/runner.h"
#include "workloads/hip/witness.h"
#include "workloads/hip/witness_math.h"

namespace gpreempt::hip {
namespace {

constexpr std::string_view kOnlineFooter =
    R"(
What it does:
  Serves an Online tenant of a scenario on a GPU: the same requests at the same times as in the
  simulator, by kernels that are calibrated at the start to last as long as the scenario says.
  Prints `ready pid=N` when it waits for its start: for --hints' scheduler, or the next full second.
  Ends when the run is over or by SIGTERM, and writes its records either way.

Exit codes:
  0  done      1  a kernel's state was lost      2  usage, or a scenario that was refused
  3  no GPU, or it does not answer               4  internal)";

constexpr std::string_view kOfflineFooter =
    R"(
What it does:
  Trains as an Offline tenant of a scenario on a GPU: its steps one after the other without an end,
  by kernels that are calibrated at the start to last as long as the scenario says, and that check
  at their end whether their registers, LDS and counters survived every preemption.
  Prints `ready pid=N` when it waits for its start: for --hints' scheduler, or the next full second.
  Ends when the run is over or by SIGTERM, and writes its records either way.

Exit codes:
  0  done      1  a kernel's state was lost      2  usage, or a scenario that was refused
  3  no GPU, or it does not answer               4  internal)";

/// What is written, before its units are read.
struct Written {
  Options options;
  std::string duration;
  std::string heartbeat;
  std::string threshold = "20us";
  std::string traffic;
  std::string kernels = "trains";
  std::string fault;
  std::string flops;
};

void add_options(CLI::App& app, Written& written) {
  Options& options = written.options;
  app.add_option("SCENARIO", options.scenario, "A scenario file, or the name of a built-in one");
  app.add_option("--tenant", options.tenant, "Which tenant; not needed if it is the only one");
  app.add_option("--program", options.program, "Instead of a scenario: one program, as JSON");
  app.add_option("--records", options.records,
                 "Where requests.csv (Online) or progress.csv (Offline) goes");
  app.add_option("--report", options.report, "Where the report goes, as JSON");
  app.add_option("--gpu", options.gpu, "Index of the GPU; default: the tenant's");
  app.add_option("--seed", options.seed, "Instead of the scenario's");
  app.add_option("--duration", written.duration, "Instead of the scenario's, e.g. 10s");
  app.add_option("--hints", options.hints,
                 "Socket of a scheduler that is told of requests and says when to start");
  app.add_option("--label", options.label, "The records' column `policy`")->capture_default_str();
  app.add_option("--heartbeat", written.heartbeat,
                 "Every second stretch of so long a heartbeat kernel runs beside, e.g. 1s");
  app.add_option("--heartbeat-threshold", written.threshold, "Gaps longer than it are kept")
      ->capture_default_str();
  app.add_option("--traffic", written.traffic,
                 "Memory that each kernel reads and writes besides, e.g. 64MiB");
  app.add_option("--audit-every", options.audit_every,
                 "Of so many trains one is checked by the host, too; 0: none")
      ->capture_default_str();
  app.add_option("--flops", written.flops,
                 "Peak FP16 rate that transformers' times follow from; default: 270TF/s (MI308X)");
  app.add_option("--inject", written.fault,
                 "Corrupts a value, to see it found, e.g. "
                 "vgpr:kernel=9,block=0,thread=70,index=2,flip=128");
  if (options.role == Role::kOffline) {
    app.add_option("--kernels", written.kernels,
                   "trains, endless, persistent, or gemm:ROWS (real matrix products)")
        ->capture_default_str();
  }
}

/// Reads `text` unless it is empty; `option` names it in errors.
template <class T, class U>
Result<void> read_unit(std::string_view option, const std::string& text,
                       Result<T> (*parse)(std::string_view), U& out) {
  if (text.empty()) {
    return {};
  }
  Result<T> value = parse(text);
  if (!value) {
    return fail(value.error().code, fmt::format("reading {}: {}", option, value.error().what));
  }
  out = *value;
  return {};
}

Result<void> read_kernels(const std::string& text, Options& options) {
  NameSpec spec;
  GPREEMPT_TRY(store(spec, parse_name_spec("--kernels", text)));
  const bool plain = spec.options.empty() && spec.bare.empty();
  if (spec.name == "trains" && plain) {
    options.endlessly = Endlessly::kTrains;
  } else if (spec.name == "endless" && plain) {
    options.endlessly = Endlessly::kEndless;
  } else if (spec.name == "persistent" && plain) {
    options.endlessly = Endlessly::kPersistent;
  } else if (spec.name == "gemm" && spec.options.empty() && !spec.bare.empty()) {
    constexpr std::uint32_t kMostRows = 65536;
    NameSpec rows{.name = "gemm", .bare = "", .options = {{"rows", spec.bare}}};
    OptionReader reader("--kernels", text, std::move(rows));
    GPREEMPT_TRY(reader.count("rows", options.gemm));
    if (options.gemm == 0 || options.gemm > kMostRows || options.gemm % kGemmTile != 0) {
      return reader.refuse(
          fmt::format("rows are a multiple of {}, up to {}", kGemmTile, kMostRows));
    }
  } else {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --kernels '{}': it is none of trains, endless, persistent and "
                            "gemm:ROWS",
                            text));
  }
  return {};
}

Result<Options> read_written(Written written) {
  Options options = std::move(written.options);
  if (options.scenario.empty() == options.program.empty()) {
    return fail(Errc::kInvalidArgument,
                "reading the command line: name either a SCENARIO or a --program");
  }
  GPREEMPT_TRY(read_unit("--duration", written.duration, parse_duration, options.duration));
  GPREEMPT_TRY(read_unit("--heartbeat", written.heartbeat, parse_duration, options.heartbeat));
  GPREEMPT_TRY(read_unit("--heartbeat-threshold", written.threshold, parse_duration,
                         options.heartbeat_threshold));
  GPREEMPT_TRY(read_unit("--traffic", written.traffic, parse_bytes, options.traffic));
  GPREEMPT_TRY(read_unit("--flops", written.flops, parse_flops, options.flops));
  GPREEMPT_TRY(read_kernels(written.kernels, options));
  if (!written.fault.empty()) {
    GPREEMPT_TRY(store(options.fault, parse_fault(written.fault)));
  }
  if (options.label.find_first_of("\"\n\r") != std::string::npos) {
    return fail(Errc::kInvalidArgument,
                "reading --label: it goes into a table in quotes and has none "
                "itself, nor line ends");
  }
  return options;
}

}  // namespace

Result<WitnessFault> parse_fault(const std::string& text) {
  NameSpec spec;
  GPREEMPT_TRY(store(spec, parse_name_spec("--inject", text)));
  WitnessFault fault{.enabled = 1, .flip = 1};
  GPREEMPT_TRY(store(fault.kind, parse_state_kind(spec.name)));
  OptionReader reader("--inject", text, std::move(spec));
  GPREEMPT_TRY(reader.count("kernel", fault.kernel));
  GPREEMPT_TRY(reader.count("block", fault.block));
  GPREEMPT_TRY(reader.count("thread", fault.thread));
  GPREEMPT_TRY(reader.count("index", fault.index));
  GPREEMPT_TRY(reader.count("flip", fault.flip));
  GPREEMPT_TRY(reader.done());
  const bool can = fault.kind == StateKind::kVector || fault.kind == StateKind::kAccumulation ||
                   fault.kind == StateKind::kLds || fault.kind == StateKind::kExec;
  if (!can || fault.flip == 0) {
    return reader.refuse("vgpr, agpr, lds and exec can be corrupted, by a flip other than 0");
  }
  return fault;
}

Result<CommandLine> read_command_line(Role role, const std::vector<std::string>& arguments) {
  const bool online = role == Role::kOnline;
  CLI::App app(online ? "An Online server on a GPU" : "An Offline trainer on a GPU",
               online ? "gpreempt-hip-online" : "gpreempt-hip-offline");
  app.footer(std::string(online ? kOnlineFooter : kOfflineFooter));
  Written written;
  written.options.role = role;
  add_options(app, written);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return CommandLine{.options = {}, .printout = app.help()};
  } catch (const CLI::ParseError& error) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading the command line: {}; see --help", error.what()));
  }
  CommandLine line;
  GPREEMPT_TRY(store(line.options, read_written(std::move(written))));
  return line;
}

}  // namespace gpreempt::hip
