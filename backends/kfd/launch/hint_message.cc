#include "backends/kfd/launch/hint_message.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

using Json = nlohmann::json;

/// Takes the keys of one message apart, and remembers the first that is wrong.
class HintReader {
 public:
  explicit HintReader(const Json& object) : object_(object) {}

  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }

  template <class Number>
  std::optional<Number> number(const char* key) {
    const auto found = object_.find(key);
    if (found == object_.end()) {
      return std::nullopt;
    }
    const bool is_whole = found->is_number_unsigned();
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
    if (!is_whole || found->get<std::uint64_t>() > kMost) {
      wrong_ = wrong_.empty() ? key : wrong_;
      return std::nullopt;
    }
    return static_cast<Number>(found->get<std::uint64_t>());
  }
  std::optional<Instant> instant(const char* key) {
    const auto ns = number<std::int64_t>(key);
    return ns ? std::optional(Instant(std::chrono::nanoseconds(*ns))) : std::nullopt;
  }
  /// Empty: nothing was.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  const Json& object_;
  std::string wrong_;
};

tl::unexpected<Error> refuse_hint(const std::string& reason) {
  return fail(Errc::kParse, fmt::format("read a hint: {}; a message is one JSON object such as "
                                        "{{\"arrived\":17}}, see docs/run-anything.md",
                                        reason));
}

std::optional<HintMessage> take_apart(HintReader& reader) {
  if (reader.has("hello")) {
    (void)reader.number<std::uint64_t>("hello");
    const auto pid = reader.number<std::int32_t>("pid");
    return HintHello{.pid = pid ? std::optional(Pid(*pid)) : std::nullopt};
  }
  if (reader.has("ready")) {
    return HintReady{};
  }
  if (reader.has("arrived")) {
    return HintArrived{.request = reader.number<std::uint64_t>("arrived").value_or(0),
                       .at = reader.instant("at_ns")};
  }
  if (reader.has("finished")) {
    return HintFinished{.request = reader.number<std::uint64_t>("finished").value_or(0),
                        .at = reader.instant("at_ns"),
                        .first_wave = reader.instant("first_wave_ns"),
                        .first_token = reader.instant("first_token_ns"),
                        .tokens = reader.number<std::uint32_t>("tokens").value_or(0)};
  }
  if (reader.has("work_ns")) {
    const auto ns = reader.number<std::int64_t>("work_ns");
    return HintWork{.work = std::chrono::nanoseconds(ns.value_or(0)),
                    .kernels = reader.number<std::uint64_t>("kernels").value_or(0)};
  }
  if (reader.has("bystander_ns")) {
    const auto ns = reader.number<std::int64_t>("bystander_ns");
    return HintBystander{.off = std::chrono::nanoseconds(ns.value_or(0))};
  }
  return std::nullopt;
}

void put_instant(Json& object, const char* key, const std::optional<Instant>& at) {
  if (at) {
    object[key] = to_ns(*at);
  }
}

Json object_of(const HintHello& hello) {
  Json object = {{"hello", kHintProtocol}};
  if (hello.pid) {
    object["pid"] = hello.pid->value();
  }
  return object;
}

Json object_of(const HintReady& /*ready*/) { return {{"ready", true}}; }

Json object_of(const HintArrived& arrived) {
  Json object = {{"arrived", arrived.request}};
  put_instant(object, "at_ns", arrived.at);
  return object;
}

Json object_of(const HintFinished& finished) {
  Json object = {{"finished", finished.request}};
  put_instant(object, "at_ns", finished.at);
  put_instant(object, "first_wave_ns", finished.first_wave);
  put_instant(object, "first_token_ns", finished.first_token);
  if (finished.tokens != 0) {
    object["tokens"] = finished.tokens;
  }
  return object;
}

Json object_of(const HintWork& work) {
  return {{"work_ns", to_ns(work.work)}, {"kernels", work.kernels}};
}

Json object_of(const HintBystander& bystander) { return {{"bystander_ns", to_ns(bystander.off)}}; }

}  // namespace

Result<HintMessage> read_hint(std::string_view text) {
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object()) {
    return refuse_hint("it is no JSON object");
  }
  HintReader reader(object);
  auto message = take_apart(reader);
  if (!reader.wrong().empty()) {
    return refuse_hint(fmt::format("\"{}\" is no whole number, or too large", reader.wrong()));
  }
  if (!message) {
    return refuse_hint("it has none of hello, ready, arrived, finished, work_ns, bystander_ns");
  }
  if (reader.has("hello") && object["hello"] != kHintProtocol) {
    return refuse_hint(
        fmt::format("this gpreempt speaks version {} of the protocol", kHintProtocol));
  }
  return *std::move(message);
}

std::string hint_text(const HintMessage& message) {
  return std::visit([](const auto& each) { return object_of(each); }, message).dump();
}

std::string start_text(Instant start) { return fmt::format("{{\"start_ns\":{}}}", to_ns(start)); }

std::string refusal_text(std::string_view reason) {
  return Json{{"error", reason}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gpreempt::kfd
