#include "backends/kfd/flight_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kKind = "flight-record";
constexpr int kHexadecimal = 16;

constexpr std::array<std::string_view, 15> kTrapNames = {
    "ENABLE",
    "DISABLE",
    "SEND_RUNTIME_EVENT",
    "SET_EXCEPTIONS_ENABLED",
    "SET_WAVE_LAUNCH_OVERRIDE",
    "SET_WAVE_LAUNCH_MODE",
    "SUSPEND_QUEUES",
    "RESUME_QUEUES",
    "SET_NODE_ADDRESS_WATCH",
    "CLEAR_NODE_ADDRESS_WATCH",
    "SET_FLAGS",
    "QUERY_DEBUG_EVENT",
    "QUERY_EXCEPTION_INFO",
    "GET_QUEUE_SNAPSHOT",
    "GET_DEVICE_SNAPSHOT",
};

std::string to_hex(const std::vector<std::byte>& bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned>(byte));
  }
  return text;
}

/// Returns whether `text` was pairs of hexadecimal digits.
bool from_hex(std::string_view text, std::vector<std::byte>& bytes) {
  if (text.size() % 2 != 0) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    const char* const end = text.data() + i + 2;
    const auto read = std::from_chars(text.data() + i, end, value, kHexadecimal);
    if (read.ec != std::errc() || read.ptr != end) {
      return false;
    }
    bytes.push_back(static_cast<std::byte>(value));
  }
  return true;
}

Json to_json(const FlightEntry& entry) {
  Json json = {{"at_ns", to_ns(entry.begin.time_since_epoch())},
               {"took_ns", to_ns(entry.took)},
               {"thread", entry.thread},
               {"call", name_of_call(entry)},
               {"request", entry.request},
               {"result", entry.result},
               {"in", to_hex(entry.arguments)},
               {"out", to_hex(entry.arguments_after)}};
  if (!entry.ids.empty()) {
    json["ids_in"] = entry.ids;
    json["ids_out"] = entry.ids_after;
  }
  if (!entry.snapshot.empty()) {
    json["snapshot"] = to_hex(entry.snapshot);
  }
  return json;
}

/// Whether the line has everything, and nothing of another kind.
bool read_entry(const Json& json, FlightEntry& entry) {
  const auto number = [&](const char* key, auto& into) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_integer()) {
      return false;
    }
    into = found->get<std::remove_reference_t<decltype(into)>>();
    return true;
  };
  const auto bytes = [&](const char* key, std::vector<std::byte>& into, bool needed) {
    const auto found = json.find(key);
    return found == json.end()
               ? !needed
               : found->is_string() && from_hex(found->get_ref<const std::string&>(), into);
  };
  const auto ids = [&](const char* key, std::vector<std::uint32_t>& into) {
    for (const Json& id : json.value(key, Json::array())) {
      if (!id.is_number_unsigned()) {
        return false;
      }
      into.push_back(id.get<std::uint32_t>());
    }
    return true;
  };
  std::int64_t at = 0;
  std::int64_t took = 0;
  const bool complete = json.is_object() && number("at_ns", at) && number("took_ns", took) &&
                        number("thread", entry.thread) && number("request", entry.request) &&
                        number("result", entry.result) && bytes("in", entry.arguments, true) &&
                        bytes("out", entry.arguments_after, true) &&
                        bytes("snapshot", entry.snapshot, false) && ids("ids_in", entry.ids) &&
                        ids("ids_out", entry.ids_after);
  entry.begin = Instant(Duration(at));
  entry.took = Duration(took);
  return complete;
}

tl::unexpected<Error> refuse(std::string_view path, std::size_t line, std::string_view reason) {
  return fail(Errc::kParse,
              fmt::format("{}:{}:1: reading a flight record: {}", path, line, reason));
}

}  // namespace

std::string name_of_call(const FlightEntry& entry) {
  abi::TrapArgs args{};
  if (entry.request == abi::kDbgTrap && entry.arguments.size() == sizeof args) {
    std::memcpy(&args, entry.arguments.data(), sizeof args);
    const auto op = static_cast<std::size_t>(args.op);
    return op < kTrapNames.size() ? fmt::format("DBG_TRAP {}", kTrapNames.at(op))
                                  : fmt::format("DBG_TRAP {}", op);
  }
  return fmt::format("ioctl {:#x}", entry.request);
}

std::string write_flight_record(std::span<const FlightEntry> entries, std::uint64_t lost) {
  std::string text = Json{{"schema", 1}, {"kind", kKind}, {"lost", lost}}.dump() + "\n";
  for (const FlightEntry& entry : entries) {
    text += to_json(entry).dump() + "\n";
  }
  return text;
}

Result<std::vector<FlightEntry>> read_flight_record(std::string_view text, std::string_view path) {
  std::vector<FlightEntry> entries;
  std::size_t line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const Json json = Json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line == 1) {
      if (!json.is_object() || json.value("kind", Json()) != Json(kKind) ||
          json.value("schema", Json()) != Json(1)) {
        return refuse(path, line, "not one, or of another version: its first line says what it is");
      }
      continue;
    }
    FlightEntry entry;
    if (!read_entry(json, entry)) {
      return refuse(path, line, "no call with its arguments; the file is cut short or was edited");
    }
    entries.push_back(std::move(entry));
  }
  if (line == 0) {
    return refuse(path, 1, "the file is empty");
  }
  return entries;
}

}  // namespace gpreempt::kfd
