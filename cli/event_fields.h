#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/time.h"

/// One JSON object of an event log, key by key. Internal to the reader of logs.
namespace gpreempt::cli {

/// The keys of one object. The first thing that is wrong with it is kept, and every getter goes on
/// with a zero, so that the readers below need not ask after each key.
class Fields {
 public:
  using Json = nlohmann::ordered_json;  ///< the order of the keys of `terms` counts

  explicit Fields(const Json& object) : object_(object) {
    if (!object.is_object()) {
      complain("it is not a JSON object");
    }
  }

  const Json& raw(std::string_view key) {
    static const Json nothing;
    if (!object_.is_object()) {
      return nothing;
    }
    const auto found = object_.find(key);
    if (found == object_.end()) {
      complain(fmt::format("key '{}' is missing", key));
      return nothing;
    }
    ++used_;
    return *found;
  }
  [[nodiscard]] bool has(std::string_view key) const {
    return object_.is_object() && object_.contains(key);
  }

  template <class T>
  T number(std::string_view key) {
    return number_in<T>(raw(key), key);
  }
  template <class T>
  T number_in(const Json& value, std::string_view key) {
    using Limits = std::numeric_limits<T>;
    if (value.is_number_unsigned()) {
      const auto found = value.get<std::uint64_t>();
      if (found <= static_cast<std::uint64_t>(Limits::max())) {
        return static_cast<T>(found);
      }
    } else if (value.is_number_integer()) {
      const auto found = value.get<std::int64_t>();
      if (Limits::is_signed && found >= static_cast<std::int64_t>(Limits::min())) {
        return static_cast<T>(found);
      }
    }
    complain(
        fmt::format("key '{}' must be an integer of {} to {}", key, Limits::min(), Limits::max()));
    return {};
  }
  template <class Id>
  Id id(std::string_view key) {
    return Id(number<typename Id::rep>(key));
  }
  Instant instant(std::string_view key) { return instant_from_ns(number<std::int64_t>(key)); }
  std::string string(std::string_view key) {
    const Json& value = raw(key);
    if (!value.is_string()) {
      complain(fmt::format("key '{}' must be a string", key));
      return {};
    }
    return value.get<std::string>();
  }
  bool boolean(std::string_view key) {
    const Json& value = raw(key);
    if (!value.is_boolean()) {
      complain(fmt::format("key '{}' must be true or false", key));
      return false;
    }
    return value.get<bool>();
  }
  const Json& array(std::string_view key) {
    static const Json empty = Json::array();
    const Json& value = raw(key);
    if (!value.is_array()) {
      complain(fmt::format("key '{}' must be an array", key));
      return empty;
    }
    return value;
  }
  /// nullopt: it says null.
  std::optional<Duration> duration_or_null(std::string_view key) {
    const Json& value = raw(key);
    if (value.is_null() && has(key)) {
      return std::nullopt;
    }
    return Duration(number_in<std::int64_t>(value, key));
  }
  const Json& object(std::string_view key) {
    static const Json empty = Json::object();
    const Json& value = raw(key);
    if (!value.is_object()) {
      complain(fmt::format("key '{}' must be an object", key));
      return empty;
    }
    return value;
  }
  /// An enumerator from the word for it; they are numbered from zero to `last`.
  template <class E>
  E word(std::string_view key, E last) {
    const std::string written = string(key);
    for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) {
      if (to_string(static_cast<E>(i)) == written) {
        return static_cast<E>(i);
      }
    }
    complain(fmt::format("key '{}': this version knows no '{}'", key, written));
    return {};
  }
  std::optional<Error> error() {
    const Json& value = raw("error");
    if (value.is_null()) {
      return std::nullopt;
    }
    Fields inner(value);
    Error result{.code = inner.word("code", Errc::kInternal),
                 .sys_errno = inner.number<int>("errno"),
                 .what = inner.string("what")};
    absorb(inner);
    return result;
  }

  void absorb(Fields& inner) {
    if (const std::optional<std::string> problem = inner.finish()) {
      complain(*problem);
    }
  }
  void complain(std::string problem) {
    if (!problem_) {
      problem_ = std::move(problem);
    }
  }
  /// What is wrong, after every key that is known was asked for.
  std::optional<std::string> finish() {
    if (object_.is_object() && used_ != object_.size()) {
      complain("it has a key that this version does not know");
    }
    return problem_;
  }

 private:
  const Json& object_;
  std::size_t used_ = 0;
  std::optional<std::string> problem_;
};

}  // namespace gpreempt::cli
