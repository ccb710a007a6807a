#include "cli/trace_file.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} * 1024;

/// Nanoseconds as microseconds, without a detour over floating point.
void append_us(std::int64_t ns, fmt::memory_buffer& out) {
  constexpr std::int64_t kPerUs = 1000;
  if (ns < 0) {
    out.push_back('-');
    ns = -ns;
  }
  fmt::format_to(std::back_inserter(out), "{}.{:03}", ns / kPerUs, ns % kPerUs);
}

void append(fmt::memory_buffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

}  // namespace

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

TraceFile::TraceFile(std::FILE& file) : file_(file) {
  append(buffer_, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
}

void TraceFile::flush() {
  failed_ = failed_ || std::fwrite(buffer_.data(), 1, buffer_.size(), &file_) != buffer_.size();
  buffer_.clear();
}

void TraceFile::open(char phase, std::string_view name, Track track, Instant at) {
  fmt::format_to(std::back_inserter(buffer_),
                 "{}\n{{\"ph\":\"{}\",\"pid\":{},\"tid\":{},\"name\":{},\"ts\":", first_ ? "" : ",",
                 phase, track.process, track.row, json_string(name));
  append_us(to_ns(at), buffer_);
  first_ = false;
}

void TraceFile::close(std::string_view args) {
  if (!args.empty()) {
    fmt::format_to(std::back_inserter(buffer_), ",\"args\":{{{}}}", args);
  }
  buffer_.push_back('}');
  if (buffer_.size() > kBufferBytes) {
    flush();
  }
}

void TraceFile::name_process(std::uint32_t process, std::string_view name) {
  open('M', "process_name", {.process = process, .row = 0}, Instant{});
  close(fmt::format("\"name\":{}", json_string(name)));
  open('M', "process_sort_index", {.process = process, .row = 0}, Instant{});
  close(fmt::format("\"sort_index\":{}", process));
}

void TraceFile::name_row(Track track, std::string_view name) {
  open('M', "thread_name", track, Instant{});
  close(fmt::format("\"name\":{}", json_string(name)));
  open('M', "thread_sort_index", track, Instant{});
  close(fmt::format("\"sort_index\":{}", track.row));
}

void TraceFile::slice(Track track, const Slice& slice) {
  open('X', slice.name, track, slice.from);
  append(buffer_, ",\"dur\":");
  append_us(to_ns(slice.to - slice.from), buffer_);
  fmt::format_to(std::back_inserter(buffer_), ",\"cat\":\"{}\"", slice.category);
  close(slice.args);
}

void TraceFile::instant(Track track, std::string_view name, Instant at, std::string_view args) {
  open('i', name, track, at);
  append(buffer_, R"(,"cat":"decision","s":"t")");
  close(args);
}

void TraceFile::begin_async(std::uint32_t process, std::string_view id, std::string_view name,
                            Instant at, std::string_view args) {
  open('b', name, {.process = process, .row = 0}, at);
  fmt::format_to(std::back_inserter(buffer_), R"(,"cat":"request","id":"{}")", id);
  close(args);
}

void TraceFile::end_async(std::uint32_t process, std::string_view id, std::string_view name,
                          Instant at) {
  open('e', name, {.process = process, .row = 0}, at);
  fmt::format_to(std::back_inserter(buffer_), R"(,"cat":"request","id":"{}")", id);
  close({});
}

void TraceFile::flow(FlowStep step, Track track, std::uint64_t id, Instant at) {
  static constexpr std::array kPhases = {'s', 't', 'f'};
  open(kPhases.at(static_cast<std::size_t>(step)), "preemption", track, at);
  fmt::format_to(std::back_inserter(buffer_), R"(,"cat":"flow","id":{}{})", id,
                 step == FlowStep::kEnd ? R"(,"bp":"e")" : "");
  close({});
}

void TraceFile::counter(std::uint32_t process, std::string_view name, Instant at,
                        std::int64_t value) {
  open('C', name, {.process = process, .row = 0}, at);
  close(fmt::format("\"value\":{}", value));
}

Result<void> TraceFile::finish(std::string_view about) {
  fmt::format_to(std::back_inserter(buffer_), "\n],\"otherData\":{{{}}}}}\n", about);
  flush();
  if (failed_ || std::fflush(&file_) != 0) {
    return fail(Errc::kIo,
                "write trace.json: the file system refused it; free some space or choose "
                "another --out folder");
  }
  return {};
}

}  // namespace gpreempt::cli
