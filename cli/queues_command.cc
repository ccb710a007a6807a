#include "cli/queues_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/queues_options.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"
#include "core/units.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/discovery/queue_listing.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/rooted_os.h"
#include "backends/kfd/target_selector.h"
#include "cli/queues_report.h"
#include "cli/sysroot.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr std::string_view kQueuesFooter =
    R"(
What it does:
  Lists who has which queues on which GPU and in which hardware slots, from sysfs and from amdkfd's
  debugfs, which only root can read: without it, only what sysfs shows. It changes nothing and
  attaches to nobody. Reading the slots takes thousands of register reads; do not --watch faster
  than you need while you measure.
  TARGET is a pid, tree:4711 (a launcher and all that descend from it), command:python3,
  cgroup:/offline, container:3f4a9c (by 6 or more digits of its id) or container:3f4a9c/12 (by the
  pid inside); none means everyone. --pid takes the pid that the driver shows, and asks nobody else.

Columns, see docs/queues.md:
  id        KFD's queue id; `2?` is inferred: right if the process has never destroyed a queue; `-`
            is not known. A footnote says why
  role      user: the application's; internal: ROCr's own, which runs no kernel of the application;
            sdma: copies, which suspending compute queues does not stop
  slots     `0.2 x4`: pipe 0, queue 2, on 4 XCCs; `none`: off the GPU
  runlist   off: the driver keeps it off the GPU. Suspended, evicted or at 0 %: it does not say which
  activity  of the ring: busy, idle, or maybe (idle, or in its last packet)
  backlog   packets that firmware has not read, by its registers; of a queue that is off, as it went

Examples:
  sudo gpreempt queues
  sudo gpreempt queues tree:4711 --watch 500ms
  gpreempt queues --sysroot saved/host7 --format json | jq '.queues[] | {pid, id, gpu, runlist}'

  $ sudo gpreempt queues --pid 4711
  pid    name  id   gpu      role   ring  prio    slots  runlist  activity  backlog  controlled by    note
  4711  train  3?  f7bc      user  1 MiB     7     none      off      busy       12  4000 gpreempt  [1][2]
  4711  train  2?  f7bc      user  1 MiB     7     none      off      idle        0  4000 gpreempt  [1][2]
  4711  train   1  f7bc      sdma  1 MiB     -  sdma1.0       on         -        -  4000 gpreempt
  4711  train   0  f7bc  internal  4 KiB     7     none      off      idle        0  4000 gpreempt     [2]
  [1] inferred by order of creation and doorbell, if no queue was ever destroyed
  [2] off: suspended by a debugger, evicted or set to 0 %; the driver does not say which

Exit codes:
  0  done; a --watch that was ended by Ctrl-C too
  2  usage, or a file that was refused      3  no driver, no such process, or a file that cannot be read)";

/// "f7bc", as debugfs has it.
Result<std::uint32_t> read_gpu_id(const std::string& text) {
  constexpr int kHex = 16;
  std::uint32_t id = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, id, kHex);
  if (read.ec != std::errc() || read.ptr != end || id == 0) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --gpu {}: write the hexadecimal id, as in f7bc", text));
  }
  return id;
}

class QueuesLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const queues =
        app.add_subcommand("queues", "Who has which queues, where, and whether they are off");
    queues->add_option("TARGET", options_.selectors,
                       "A pid, tree:PID, command:NAME, cgroup:/PATH or container:ID[/PID]");
    queues->add_option("--pid", options_.pids, "A process, by the driver's pid");
    queues->add_option("--gpu", gpu_, "Only queues on this GPU, e.g. f7bc")->type_name("ID");
    queues->add_option("--watch", watch_, "Again every PERIOD until Ctrl-C; 2s without one")
        ->type_name("PERIOD")
        ->expected(0, 1);
    queues->add_option("--sysroot", options_.sysroot, "Read another machine's files below DIR")
        ->type_name("DIR");
    queues->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    queues->footer(std::string(kQueuesFooter));
    line_ = queues;
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    for (const std::int32_t pid : options_.pids) {
      if (pid <= 0) {
        return fail(Errc::kInvalidArgument, "reading --pid: a pid is positive");
      }
    }
    if (!gpu_.empty()) {
      GPREEMPT_TRY(store(options_.gpu, read_gpu_id(gpu_)));
    }
    if (line_->count("--watch") > 0) {
      const auto period = parse_duration(watch_.empty() ? "2s" : watch_);
      if (!period || *period <= Duration::zero()) {
        return fail(
            Errc::kInvalidArgument,
            "reading --watch: " +
                (period ? watch_ + " is no time to wait; write 2s or 500ms" : period.error().what));
      }
      options_.watch = *period;
    }
    return Command{std::move(options_)};
  }

 private:
  const CLI::App* line_ = nullptr;
  QueuesOptions options_;
  std::string gpu_;
  std::string watch_;
  std::string format_ = "text";
};

#ifdef GPREEMPT_CLI_HAS_KFD

Result<kfd::ListingOptions> listing_options(kfd::Os& os, const QueuesOptions& options) {
  kfd::ListingOptions listing{
      .gpu = options.gpu ? std::optional(GpuId(*options.gpu)) : std::nullopt,
      .is_saved = !options.sysroot.empty(),
      .may_be_none = options.watch.has_value()};
  for (const std::int32_t pid : options.pids) {
    listing.pids.emplace_back(pid);
  }
  for (const std::string& text : options.selectors) {
    const auto selector = kfd::parse_target(text);
    GPREEMPT_TRY(selector);
    listing.selectors.push_back(*selector);
  }
  GPREEMPT_TRY(check_sysroot(os, options.sysroot));
  return listing;
}

/// The error, with the place in a file as it is from here.
Error with_root(const std::string& sysroot, Error error) {
  if (error.code == Errc::kParse && error.what.starts_with('/')) {
    error.what.insert(0, sysroot.substr(0, sysroot.find_last_not_of('/') + 1));
  }
  return error;
}

/// Each note once, however often it is listed.
class NotePrinter {
 public:
  void print(const std::vector<std::string>& notes) {
    for (const std::string& note : notes) {
      if (shown_.insert(note).second) {
        fmt::print(stderr, "gpreempt: {}\n", note);
      }
    }
  }

 private:
  std::set<std::string> shown_;
};

/// Shows one listing after another: as text when it has changed, as JSON each time.
class WatchPrinter {
 public:
  WatchPrinter(Instant begin, OutputFormat format) : begin_(begin), format_(format) {}

  Result<void> show(Instant now, const kfd::QueueListing& listing) {
    if (format_ == OutputFormat::kJson) {
      return print(queues_json(listing, now - begin_));
    }
    notes_.print(listing.notes);
    std::string text = queues_text(listing);
    if (text == last_) {
      return {};
    }
    constexpr double kNanoseconds = 1e9;
    const double seconds = static_cast<double>((now - begin_).count()) / kNanoseconds;
    last_ = std::move(text);
    const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
    return print(fmt::format("{}after {:.3f} s\n{}{}", is_terminal ? "\x1b[H\x1b[2J" : "", seconds,
                             last_, is_terminal ? "" : "\n"));
  }

 private:
  Instant begin_;
  OutputFormat format_;
  NotePrinter notes_;
  std::string last_;
};

#endif

}  // namespace

std::unique_ptr<VerbLine> queues_line() { return std::make_unique<QueuesLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> queues_command(const QueuesOptions& options) {
  kfd::LinuxOs os;
  const auto listing_of = listing_options(os, options);
  GPREEMPT_TRY(listing_of);
  kfd::RootedOs rooted(os, options.sysroot);
  if (options.watch) {
    WatchPrinter printer(os.now(), options.format);
    const auto watched = kfd::watch_queues(
        rooted, *listing_of, *options.watch,
        [&](const kfd::QueueListing& listing) { return printer.show(os.now(), listing); });
    if (!watched) {
      return tl::unexpected<Error>(with_root(options.sysroot, watched.error()));
    }
    return ExitCode::kOk;
  }
  const auto listing = kfd::list_queues(rooted, *listing_of);
  if (!listing) {
    return tl::unexpected<Error>(with_root(options.sysroot, listing.error()));
  }
  if (options.format == OutputFormat::kText) {
    NotePrinter().print(listing->notes);
  }
  GPREEMPT_TRY(
      print(options.format == OutputFormat::kJson ? queues_json(*listing) : queues_text(*listing)));
  return ExitCode::kOk;
}
#else
Result<ExitCode> queues_command(const QueuesOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "queues: the KFD backend was left out of this build; configure with "
              "GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
