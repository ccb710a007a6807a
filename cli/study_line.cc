#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/option_values.h"
#include "cli/study_options.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kStudyFooter =
    R"(
STUDY is a TOML file that says what is varied in a scenario and its hardware model, what is looked
at, and how often each point is repeated; docs/study-files.md has the format. A name that is no
file is that of a built-in study: --list shows them, docs/studies.md has their answers.

What it does:
  Runs every point of the design with several seeds, each run as `gpreempt run` makes it, in -j
  worker processes. With --out DIR each finished run is kept in DIR/journal.jsonl at once: the same
  command goes on where it was killed or interrupted, and neither loses a finished run nor repeats
  it. A run that fails (a combination that is refused, a crash) is a row with its error.

  DIR then holds study.toml, runs.csv (one row a run, with the command that makes it again),
  study.sqlite (the same), journal.jsonl and analysis.json. A journal of another study, version or
  shard is refused; --fresh starts over.

  --shard I/N makes every Nth point only, beginning with the Ith. `gpreempt study --merge DIR...
  --out DIR` puts the folders of all N shards together: the files are those of a study that was
  made in one go, byte for byte.

Examples:
  gpreempt study --list
  gpreempt study kernel-length --quick
  gpreempt study kernel-length.toml -j 8 --out kernel-length/
  gpreempt study kernel-length.toml --shard 2/4 --out part2/
  gpreempt study --merge part1 part2 part3 part4 --out kernel-length/

Exit codes:
  0  done        1  a run failed; see `error` in runs.csv      2  usage, or refused input
  3  interrupted, a file that cannot be written, or another process at work on DIR)";

/// Values as they stand on the command line.
struct RawStudy {
  std::string study;
  std::string out;
  std::string shard;
  std::vector<std::string> merge;
  std::vector<std::string> traces;
  std::string format = "text";
  std::uint32_t jobs = 0;
  bool list = false;
  bool fresh = false;
  bool quick = false;
  bool quiet = false;
};

bool read_part(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0;
}

Result<ShardOption> read_shard(const std::string& text) {
  ShardOption shard;
  const std::size_t slash = text.find('/');
  const bool ok = slash != std::string::npos &&
                  read_part(std::string_view(text).substr(0, slash), shard.index) &&
                  read_part(std::string_view(text).substr(slash + 1), shard.count) &&
                  shard.index <= shard.count;
  if (!ok) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --shard '{}': write I/N, with I from 1 to N", text));
  }
  return shard;
}

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(Errc::kInvalidArgument, "reading the command line: " + what);
}

Result<void> check(const RawStudy& raw) {
  if (raw.list) {
    const bool alone = raw.study.empty() && raw.merge.empty() && raw.out.empty();
    return alone ? Result<void>{} : refuse("--list takes no STUDY and no folders");
  }
  if (!raw.merge.empty()) {
    if (!raw.study.empty()) {
      return refuse("--merge takes folders of shards and no STUDY; their journals say which it is");
    }
    if (raw.out.empty() || !raw.shard.empty() || raw.fresh || raw.quick || !raw.traces.empty()) {
      return refuse("--merge needs --out for the whole study, and nothing else but --format");
    }
    return {};
  }
  if (raw.study.empty()) {
    return refuse(
        "no study; name a TOML file or a built-in study, see 'gpreempt study --list' for those");
  }
  if (!raw.shard.empty() && raw.out.empty()) {
    return refuse("--shard needs --out, a folder of its own for each shard");
  }
  if (raw.fresh && raw.out.empty()) {
    return refuse("--fresh forgets what is in --out; without that nothing is kept anyway");
  }
  return {};
}

class StudyLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const study = app.add_subcommand(
        "study", "Varies a scenario, repeats it with several seeds and says what matters");
    study->add_option("STUDY", raw_.study, "A TOML file, or a built-in study");
    study->add_flag("--list", raw_.list, "Lists the built-in studies and their questions");
    study->add_option("-j,--jobs", raw_.jobs, "Worker processes; default: one a processor")
        ->check(CLI::Range(1, 1024));
    study->add_option("--out", raw_.out, "Keeps everything in this folder, and goes on from there");
    study->add_flag("--fresh", raw_.fresh, "Forgets the runs that are in --out");
    study->add_flag("--quick", raw_.quick, "As the study's [quick] table changes it");
    study->add_option("--shard", raw_.shard, "I/N: every Nth point, beginning with the Ith");
    study->add_option("--merge", raw_.merge, "Folders of all shards, to be put together in --out");
    study
        ->add_option("--trace", raw_.traces,
                     "[TENANT=]FILE: arrivals of a tenant whose arrivals are a trace; repeatable")
        ->allow_extra_args(false);
    study->add_option("--format", raw_.format, "text, or json: analysis.json, on stdout")
        ->capture_default_str();
    study->add_flag("--quiet", raw_.quiet, "No progress on stderr");
    study->footer(std::string(kStudyFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(check(raw_));
    StudyOptions options;
    options.study = raw_.study;
    options.list = raw_.list;
    options.jobs = raw_.jobs;
    options.out = raw_.out;
    options.fresh = raw_.fresh;
    options.quick = raw_.quick;
    options.quiet = raw_.quiet;
    options.merge.assign(raw_.merge.begin(), raw_.merge.end());
    options.trace_arguments = raw_.traces;
    if (!raw_.shard.empty()) {
      GPREEMPT_TRY(store(options.shard, read_shard(raw_.shard)));
    }
    GPREEMPT_TRY(store(options.traces, read_traces(raw_.traces)));
    GPREEMPT_TRY(store(options.format, read_format(raw_.format)));
    return Command{std::move(options)};
  }

 private:
  RawStudy raw_;
};

}  // namespace

std::unique_ptr<VerbLine> study_line() { return std::make_unique<StudyLine>(); }

}  // namespace gpreempt::cli
