#include "cli/saved_bundle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/event_reader.h"
#include "cli/recorded_run.h"
#include "cli/requests_reader.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

Result<std::string> read_part(const std::filesystem::path& folder, std::string_view part) {
  const std::filesystem::path file = folder / part;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("read bundle {}: it holds no {}; name a folder that 'gpreempt run --out' "
                    "made",
                    folder.string(), part));
  }
  return read_text_file(file);
}

std::string_view bare_name(std::string_view policy) { return policy.substr(0, policy.find(':')); }

}  // namespace

Result<SavedBundle> read_bundle(const std::filesystem::path& folder) {
  SavedBundle bundle;
  bundle.folder = folder;
  std::string text;
  GPREEMPT_TRY(store(text, read_part(folder, "events.jsonl")));
  bundle.log = std::make_unique<const std::string>(std::move(text));
  const std::string log_name = (folder / "events.jsonl").string();
  GPREEMPT_TRY(store(bundle.lines, read_event_log(*bundle.log, log_name)));
  GPREEMPT_TRY(store(bundle.runs, runs_of(bundle.lines, log_name)));
  std::string requests;
  GPREEMPT_TRY(store(requests, read_part(folder, "requests.csv")));
  GPREEMPT_TRY(store(bundle.requests, read_requests(requests, (folder / "requests.csv").string())));
  return bundle;
}

Result<const RecordedRun*> find_run(const SavedBundle& bundle, std::string_view policy,
                                    std::string_view option) {
  std::vector<std::string_view> names;
  std::vector<const RecordedRun*> by_name;
  for (const RecordedRun& run : bundle.runs) {
    const std::string_view recorded = run.header.policy;
    if (recorded == policy) {
      return &run;
    }
    names.push_back(recorded);
    if (policy.empty() || bare_name(recorded) == policy) {
      by_name.push_back(&run);
    }
  }
  if (by_name.size() == 1) {
    return by_name.front();
  }
  const std::string_view reason = policy.empty()    ? "it holds several runs"
                                  : by_name.empty() ? "no run of that policy is in it"
                                                    : "several runs of that policy are in it";
  return fail(Errc::kInvalidArgument,
              fmt::format("choose a run of bundle {}{}{}: {}; write {} with one of: {}",
                          bundle.folder.string(), policy.empty() ? "" : " by ", policy, reason,
                          option, fmt::join(names, " ")));
}

}  // namespace gpreempt::cli
