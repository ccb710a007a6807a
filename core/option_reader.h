#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/name_spec.h"
#include "core/time.h"

namespace gpreempt {

/// Reads the options of a `NameSpec` strictly: each that was given must be asked for by somebody.
/// An option that was not given leaves `out`, its default, alone. Errors are kInvalidArgument and
/// name the choice, the option and what is valid.
class OptionReader {
 public:
  /// `what` and `text` name the choice in errors, as in "reading policy 'linger:hold=5'".
  OptionReader(std::string_view what, std::string_view text, NameSpec spec);

  /// "5ms"; see `parse_duration`.
  [[nodiscard]] Result<void> duration(std::string_view key, Duration& out);
  /// "25%" is 0.25; see `parse_percent`.
  [[nodiscard]] Result<void> percent(std::string_view key, double& out);
  /// "10/s"; see `parse_rate`.
  [[nodiscard]] Result<void> rate(std::string_view key, double& out);
  /// A whole number without unit or sign.
  [[nodiscard]] Result<void> count(std::string_view key, std::uint32_t& out);
  /// To be called last. Errors: an option nobody asked for (names the nearest), a bare word.
  [[nodiscard]] Result<void> done() const;

  /// An error about the choice, for rules of its own.
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view reason) const;

 private:
  /// The option's text, null if it was not given.
  [[nodiscard]] const std::string* take(std::string_view key);
  [[nodiscard]] tl::unexpected<Error> refuse_option(std::string_view key,
                                                    std::string_view reason) const;

  std::string what_;
  std::string text_;
  NameSpec spec_;
  std::vector<std::string_view> known_;
};

}  // namespace gpreempt
