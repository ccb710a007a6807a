#include "cli/decode_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <ios>
#include <iostream>
#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/decode_options.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/safety/kernel_log.h"
#include "cli/decode_report.h"
#include "experiments/runtime_log.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr std::array<std::string_view, 5> kDumpKinds = {"mqds", "hqds", "rls", "runtime-log",
                                                        "kernel-log"};

constexpr std::string_view kDecodeFooter =
    R"(
What it does:
  Reads a file that amdkfd prints into /sys/kernel/debug/kfd, live or saved, and says what its
  words mean; or a log, of the HIP runtime or of the kernel. Only root can read that folder; FILE may
  be a copy, and - is standard input.
    mqds  every queue of every process, suspended ones too, as its descriptor in memory has it:
          ring, doorbell, priorities, save area, what the last unmap saved
    hqds  every hardware slot: which queue is in it now. A slot that is not active keeps the
          registers of its last queue: `stale`. Reading the file live takes thousands of register
          reads; do not poll it while you measure
    rls   the runlist: which queues the driver wants to run. A suspended queue is not in it
    runtime-log  what AMD's HIP runtime logs with AMD_LOG_LEVEL=4, of one process: its queues, and
          how many dispatches went to each. The ids are the runtime's own count (hsa_queue_t.id),
          never KFD's: do not suspend by them
    kernel-log  what dmesg prints: only the lines that say that a GPU, its driver or the kernel
          has failed, which end everything that preempts (docs/safety.md)
  No file of the driver has queue ids: join them by MQD address, by doorbell, or by the ring's
  address.
  --format json has every word by its name; docs/decode.md describes it.
  A file that no kernel printed is refused, with the line, the reason and what to do.

Examples:
  sudo cat /sys/kernel/debug/kfd/hqds | gpreempt decode hqds -
  AMD_LOG_LEVEL=4 ./model 2> model.log; gpreempt decode runtime-log model.log
  dmesg | gpreempt decode kernel-log -
  gpreempt decode mqds mqds.txt --format json | jq '.records[] | {pid, gpu, doorbell_slot}'

  $ gpreempt decode rls rls.txt
  f7bc (node 2): 1 process, 1 queue mapped
    packet       pasid  queues   engine  doorbell  slot           mqd   write pointer
    map_process  32771       2
    map_queues                  compute     0x402   513  0x8000600000  0x7f10a03ff038

Exit codes:
  0  done        2  usage, or a file that was refused        3  a file that cannot be read)";

class DecodeLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const decode =
        app.add_subcommand("decode", "What is in a file of the driver's debugfs folder, or a log");
    decode->add_option("KIND", options_.kind, "mqds, hqds, rls, runtime-log or kernel-log")
        ->required();
    decode->add_option("FILE", options_.file, "The file; - is standard input")->required();
    decode->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    decode->footer(std::string(kDecodeFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    if (std::ranges::find(kDumpKinds, options_.kind) == kDumpKinds.end()) {
      return fail(
          Errc::kInvalidArgument,
          fmt::format("reading KIND '{}': it is mqds, hqds, rls, runtime-log or kernel-log{}",
                      options_.kind, suggestion(options_.kind, kDumpKinds)));
    }
    return Command{std::move(options_)};
  }

 private:
  DecodeOptions options_;
  std::string format_ = "text";
};

#ifdef GPREEMPT_CLI_HAS_KFD

/// A stream that cannot be read, a folder's for one, is bad afterwards.
std::string rest_of(std::istream& in) {
  constexpr std::size_t kChunkBytes = std::size_t{64} * 1024;
  std::string text;
  std::string chunk(kChunkBytes, '\0');
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || in.gcount() > 0) {
    text.append(chunk, 0, static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

Result<std::string> text_of(const std::string& file) {
  if (file == "-") {
    return rest_of(std::cin);
  }
  std::ifstream in(file, std::ios::binary);
  const bool opened = in.is_open();
  std::string text = rest_of(in);
  if (!opened || in.bad()) {
    return fail(Errc::kIo, fmt::format("read {}: it cannot be opened or read; check that it is "
                                       "there, and that you may read it: debugfs is root's",
                                       file));
  }
  return text;
}

/// The report on a dump, if it was one.
template <class Dump>
Result<std::string> report_on(const Result<Dump>& dump, OutputFormat format) {
  if (!dump) {
    return tl::unexpected<Error>(dump.error());
  }
  return format == OutputFormat::kJson ? decode_json(*dump) : decode_text(*dump);
}

Result<std::string> decode(const DecodeOptions& options) {
  std::string text;
  GPREEMPT_TRY(store(text, text_of(options.file)));
  const std::string name = options.file == "-" ? "standard input" : options.file;
  if (options.kind == "mqds") {
    return report_on(kfd::debugfs::parse_mqds(text, name), options.format);
  }
  if (options.kind == "kernel-log") {
    return report_on(Result<std::vector<kfd::LogLine>>(kfd::lines_of_trouble(text)),
                     options.format);
  }
  if (options.kind == "runtime-log") {
    return report_on(experiments::parse_runtime_log(text, name), options.format);
  }
  return options.kind == "hqds" ? report_on(kfd::debugfs::parse_hqds(text, name), options.format)
                                : report_on(kfd::debugfs::parse_rls(text, name), options.format);
}

#endif

}  // namespace

std::unique_ptr<VerbLine> decode_line() { return std::make_unique<DecodeLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> decode_command(const DecodeOptions& options) {
  std::string text;
  GPREEMPT_TRY(store(text, decode(options)));
  GPREEMPT_TRY(print(text));
  return ExitCode::kOk;
}
#else
Result<ExitCode> decode_command(const DecodeOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "decode: the KFD backend was left out of this build; configure with "
              "GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
