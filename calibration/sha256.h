#pragma once

#include <string>
#include <string_view>

namespace gpreempt::calibration {

/// SHA-256 in lower-case hexadecimal, as `sha256sum` prints it. Source: FIPS 180-4.
[[nodiscard]] std::string sha256(std::string_view text);

}  // namespace gpreempt::calibration
