#include "conformance/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "config/document.h"
#include "conformance/embedded_cases.h"
#include "conformance/operation.h"
#include "conformance/vocabulary.h"
#include "core/error.h"
#include "core/nearest.h"

namespace gpreempt::conformance {
namespace {

constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::string_view kSecondThread = "/2";

std::vector<std::string_view> names(std::span<const std::string_view> words) {
  return {words.begin(), words.end()};
}

template <class Enum>
Result<Enum> read_word(const TomlTable& table, std::string_view key,
                       std::span<const std::string_view> words) {
  std::string word;
  GPREEMPT_TRY(store(word, table.choice(key, names(words), words.front())));
  return static_cast<Enum>(std::ranges::find(words, word) - words.begin());
}

bool takes(const OpWord& op, std::string_view argument) {
  const std::string padded = fmt::format(" {} ", op.arguments);
  return padded.find(fmt::format(" {} ", argument)) != std::string::npos;
}

/// Takes "/2" off a name.
bool split_thread(std::string& process) {
  const bool second = process.ends_with(kSecondThread);
  if (second) {
    process.resize(process.size() - kSecondThread.size());
  }
  return second;
}

Result<void> read_ids(const TomlTable& args, Operation& operation) {
  std::vector<std::uint64_t> ids;
  GPREEMPT_TRY(store(ids, args.integers("ids")));
  if (ids.size() > Operation::kMaxIds ||
      std::ranges::any_of(ids, [](auto id) { return id > kMax32; })) {
    return tl::unexpected<Error>(args.error(
        "ids", fmt::format("at most {} numbers of 32 bits; `count` makes a longer array of zeros",
                           Operation::kMaxIds)));
  }
  std::ranges::transform(ids, operation.ids.begin(),
                         [](std::uint64_t id) { return static_cast<std::uint32_t>(id); });
  operation.count = static_cast<std::uint32_t>(ids.size());
  return {};
}

/// What an operation takes if nothing is written: a struct's own size, and the like.
Operation defaults(OpKind kind) {
  constexpr std::uint32_t kInfoBytes = 16;
  constexpr std::uint32_t kQueueEntryBytes = 64;
  constexpr std::uint32_t kDeviceEntryBytes = 128;
  Operation operation;
  operation.kind = kind;
  if (kind == OpKind::kEnable) {
    operation.file = FileChoice::kNotify;
    operation.size = kInfoBytes;
  } else if (kind == OpKind::kQueryExceptionInfo) {
    operation.size = kInfoBytes;
  } else if (kind == OpKind::kGetQueueSnapshot) {
    operation.size = kQueueEntryBytes;
  } else if (kind == OpKind::kGetDeviceSnapshot) {
    operation.size = kDeviceEntryBytes;
  }
  return operation;
}

Result<Operation> read_operation(const OpWord& op, const TomlTable& args) {
  Operation operation = defaults(op.kind);
  for (const std::string& key : args.keys()) {
    if (!takes(op, key)) {
      return tl::unexpected<Error>(
          args.error(key, fmt::format("{} takes no such argument; it takes: {}", op.name,
                                      op.arguments.empty() ? "none" : op.arguments)));
    }
  }
  if (args.has("ids")) {
    GPREEMPT_TRY(read_ids(args, operation));
  }
  if (args.has("place")) {
    GPREEMPT_TRY(store(operation.place, read_word<Place>(args, "place", place_words())));
  }
  if (args.has("file")) {
    GPREEMPT_TRY(store(operation.file, read_word<FileChoice>(args, "file", file_words())));
  }
  const auto number = [&](std::string_view key, std::uint32_t& into) {
    return store(into, args.uint32(key, 0, static_cast<std::uint32_t>(kMax32), into));
  };
  GPREEMPT_TRY(number("count", operation.count));
  GPREEMPT_TRY(number("size", operation.size));
  GPREEMPT_TRY(number("mode", operation.mode));
  GPREEMPT_TRY(number("gpu", operation.gpu));
  GPREEMPT_TRY(number("queue", operation.queue));
  GPREEMPT_TRY(number("number", operation.number));
  GPREEMPT_TRY(number("magic", operation.magic));
  constexpr std::uint64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();
  GPREEMPT_TRY(store(operation.mask, args.uint64("mask", 0, kMaxInteger, operation.mask)));
  return operation;
}

Result<void> read_result(const TomlTable& table, std::string& result) {
  if (table.kind("result") == TomlKind::kInteger) {
    std::uint32_t number = 0;
    GPREEMPT_TRY(store(number, table.uint32("result", 0, static_cast<std::uint32_t>(kMax32))));
    result = std::to_string(number);
    return {};
  }
  GPREEMPT_TRY(store(result, table.string("result")));
  if (result != kNoAnswer && errno_of(result) == 0) {
    return tl::unexpected<Error>(table.error(
        "result", fmt::format("'{}' is no errno; write one like \"EPERM\", a number, or \"{}\"",
                              result, kNoAnswer)));
  }
  return {};
}

Result<void> read_field(std::string_view name, const TomlTable& table, Expectation& expect) {
  constexpr std::uint64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();
  if (name.empty() || !table.has(name)) {
    return {};
  }
  return store(expect.out[std::string(name)], table.uint64(name, 0, kMaxInteger));
}

Result<Expectation> read_expectation(const OpWord& op, const TomlTable& table) {
  Expectation expect;
  GPREEMPT_TRY(read_result(table, expect.result));
  std::vector<std::uint64_t> ids;
  GPREEMPT_TRY(store(ids, table.integers("ids")));
  std::ranges::transform(ids, std::back_inserter(expect.ids),
                         [](std::uint64_t id) { return static_cast<std::uint32_t>(id); });
  for (const std::string_view name : op.out) {
    GPREEMPT_TRY(read_field(name, table, expect));
  }
  GPREEMPT_TRY(table.finish());
  return expect;
}

Result<void> read_differences(const OpWord& op, const TomlTable& table, Case& out) {
  std::vector<TomlTable> entries;
  GPREEMPT_TRY(store(entries, table.tables("differs")));
  for (const TomlTable& entry : entries) {
    std::string personality;
    GPREEMPT_TRY(store(personality, entry.choice("personality", names(personality_words()))));
    Result<TomlTable> expect = entry.table("expect");
    if (!expect) {
      return tl::unexpected<Error>(expect.error());
    }
    GPREEMPT_TRY(store(out.differs[personality], read_expectation(op, *expect)));
  }
  return {};
}

Result<void> read_actors(const OpWord& op, const TomlTable& table, Step& step) {
  GPREEMPT_TRY(store(step.process, table.string("by")));
  step.second_thread = split_thread(step.process);
  if (!is_actor(step.process)) {
    return tl::unexpected<Error>(
        table.error("by", fmt::format("'{}' is no actor; see docs/conformance.md", step.process)));
  }
  if (!op.names_process) {
    return {};
  }
  GPREEMPT_TRY(store(step.pid, table.string("pid")));
  step.pid_second_thread = split_thread(step.pid);
  if (!is_actor(step.pid) && !is_special_pid(step.pid)) {
    return tl::unexpected<Error>(table.error(
        "pid", fmt::format("'{}' names no process; see docs/conformance.md", step.pid)));
  }
  return {};
}

Result<Case> read_case(const TomlTable& table) {
  Case out;
  GPREEMPT_TRY(store(out.name, table.string("name")));
  std::string op_name;
  GPREEMPT_TRY(store(op_name, table.string("op")));
  const OpWord* const op = find_op(op_name);
  if (op == nullptr) {
    std::vector<std::string_view> known;
    std::ranges::transform(op_words(), std::back_inserter(known), &OpWord::name);
    return tl::unexpected<Error>(table.error(
        "op", fmt::format("'{}' is no operation{}", op_name, suggestion(op_name, known))));
  }
  GPREEMPT_TRY(read_actors(*op, table, out.step));
  Result<TomlTable> args = table.table_or_empty("args");
  if (!args) {
    return tl::unexpected<Error>(args.error());
  }
  GPREEMPT_TRY(store(out.step.operation, read_operation(*op, *args)));
  GPREEMPT_TRY(store(out.step.within, table.positive_duration("within", out.step.within)));
  GPREEMPT_TRY(store(out.setup, table.boolean("setup", false)));
  out.expect.result = "0";
  if (!out.setup || table.has("expect")) {
    Result<TomlTable> expect = table.table("expect");
    if (!expect) {
      return tl::unexpected<Error>(expect.error());
    }
    GPREEMPT_TRY(store(out.expect, read_expectation(*op, *expect)));
  }
  GPREEMPT_TRY(read_differences(*op, table, out));
  return out;
}

Result<void> read_evidence(const TomlTable& root, Scenario& scenario) {
  Result<TomlTable> table = root.table("evidence");
  if (!table) {
    return tl::unexpected<Error>(table.error());
  }
  for (const std::string_view personality : personality_words()) {
    std::string label;
    GPREEMPT_TRY(store(label, table->choice(personality, names(evidence_words()))));
    scenario.evidence.emplace(personality, label);
  }
  return {};
}

}  // namespace

Result<Scenario> parse_scenario(std::string_view text, const std::string& display_name) {
  constexpr std::uint64_t kSchema = 1;
  const Result<TomlDocument> document = TomlDocument::parse(text, display_name);
  if (!document) {
    return tl::unexpected<Error>(document.error());
  }
  GPREEMPT_TRY(document->expect_schema(kSchema));
  const TomlTable& root = document->root();
  Scenario scenario;
  GPREEMPT_TRY(store(scenario.name, root.string("scenario")));
  GPREEMPT_TRY(store(scenario.summary, root.string("summary")));
  GPREEMPT_TRY(read_evidence(root, scenario));
  std::vector<TomlTable> entries;
  GPREEMPT_TRY(store(entries, root.tables("case")));
  for (const TomlTable& entry : entries) {
    Result<Case> read = read_case(entry);
    if (!read) {
      return tl::unexpected<Error>(read.error());
    }
    scenario.cases.push_back(*std::move(read));
  }
  GPREEMPT_TRY(root.finish());
  return scenario;
}

namespace {

Result<std::vector<std::filesystem::path>> case_files(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".toml") {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  if (files.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("load cases from {}: no *.toml there; name a folder of case files",
                            folder.string()));
  }
  return files;
}

Result<std::vector<Scenario>> load_embedded() {
  std::vector<Scenario> all;
  for (const EmbeddedCases& cases : embedded_cases()) {
    Result<Scenario> scenario = parse_scenario(cases.text, fmt::format("{}.toml", cases.name));
    if (!scenario) {
      return tl::unexpected<Error>(scenario.error());
    }
    all.push_back(*std::move(scenario));
  }
  return all;
}

Result<Scenario> load_file(const std::filesystem::path& file) {
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  return parse_scenario(text, file.string());
}

}  // namespace

Result<std::vector<Scenario>> load_scenarios(const std::optional<std::filesystem::path>& folder) {
  if (!folder) {
    return load_embedded();
  }
  std::vector<std::filesystem::path> files;
  GPREEMPT_TRY(store(files, case_files(*folder)));
  std::vector<Scenario> all(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    GPREEMPT_TRY(store(all[i], load_file(files[i])));
  }
  return all;
}

}  // namespace gpreempt::conformance
