#include "workloads/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr std::string_view kHeader = "Name,Profile,Memory_footprint,SM_usage,Duration";

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

/// What follows the closing quote of a quoted name; nullopt if it is never closed.
std::optional<std::string_view> after_quoted_name(std::string_view line) {
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] != '"') {
      continue;
    }
    if (i + 1 < line.size() && line[i + 1] == '"') {
      ++i;  // a doubled quote stands for one
      continue;
    }
    return line.substr(i + 1);
  }
  return std::nullopt;
}

/// The fields after the name, or why the line has not got them.
using Fields = std::array<std::string_view, 4>;
tl::expected<Fields, std::string> split(std::string_view line) {
  const bool quoted = line.starts_with('"');
  std::string_view rest = line;
  if (quoted) {
    const auto after = after_quoted_name(line);
    if (!after) {
      return tl::unexpected<std::string>("the quoted name is not closed");
    }
    rest = *after;
  }
  Fields fields;
  for (std::size_t i = fields.size(); i-- > 0;) {
    const std::size_t comma = rest.rfind(',');
    if (comma == std::string_view::npos) {
      return tl::unexpected<std::string>("the line is truncated; it has fewer than 5 fields");
    }
    fields.at(i) = rest.substr(comma + 1);
    rest = rest.substr(0, comma);
  }
  if (quoted && !rest.empty()) {
    return tl::unexpected<std::string>("the line has more than 5 fields");
  }
  return fields;
}

struct Row {
  std::uint32_t workgroups = 0;
  double duration_ns = 0;
};

tl::expected<Row, std::string> parse_row(std::string_view line) {
  const auto fields = split(line);
  if (!fields) {
    return tl::unexpected<std::string>(fields.error());
  }
  const auto profile = number((*fields)[0]);
  const auto footprint = number((*fields)[1]);
  const auto sms = number((*fields)[2]);
  const auto duration = number((*fields)[3]);
  if (!profile || !footprint || !sms || !duration) {
    return tl::unexpected<std::string>("the line is malformed; its last 4 fields must be numbers");
  }
  if (*sms < 1) {
    return tl::unexpected<std::string>(fmt::format("SM_usage is {}; it must be at least 1", *sms));
  }
  constexpr double kMaxNs = 1e15;
  if (*duration <= 0 || *duration > kMaxNs) {
    return tl::unexpected<std::string>(fmt::format(
        "Duration is {}; it must be greater than 0 ns and at most {:g}", *duration, kMaxNs));
  }
  const double workgroups =
      std::min(std::ceil(*sms) * kWorkgroupsPerSm, static_cast<double>(kMaxProfileWorkgroups));
  return Row{.workgroups = static_cast<std::uint32_t>(workgroups), .duration_ns = *duration};
}

bool same_shape(const KernelShape& a, const KernelShape& b) {
  return a.workgroups == b.workgroups && a.waves == b.waves && a.vgprs == b.vgprs &&
         a.sgprs == b.sgprs && a.lds_bytes == b.lds_bytes;
}

}  // namespace

void append_kernel(KernelTrain& train, const KernelRun& kernel) {
  if (!train.empty() && train.back().duration == kernel.duration &&
      same_shape(train.back().shape, kernel.shape)) {
    train.back().count += kernel.count;
  } else {
    train.push_back(kernel);
  }
}

Result<KernelTrain> parse_orion_profile(std::string_view text, std::string_view display_name,
                                        double time_scale, const KernelShape& shape) {
  GPREEMPT_CHECK(time_scale > 0);
  KernelTrain train;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line_number == 1) {
      if (line != kHeader) {
        return fail(Errc::kParse,
                    fmt::format("{}:1: the header is '{}', but an orion profile starts with '{}'",
                                display_name, line, kHeader));
      }
      continue;
    }
    const auto row = parse_row(line);
    if (!row) {
      return fail(Errc::kParse, fmt::format("{}:{}: {}", display_name, line_number, row.error()));
    }
    KernelRun kernel{.count = 1, .duration = {}, .shape = shape};
    kernel.duration =
        Duration(std::max<std::int64_t>(1, std::llround(row->duration_ns * time_scale)));
    kernel.shape.workgroups = row->workgroups;
    append_kernel(train, kernel);
  }
  if (train.empty()) {
    return fail(Errc::kParse,
                fmt::format("{}:1: the profile has no kernels; it needs the header '{}' and a line "
                            "a kernel",
                            display_name, kHeader));
  }
  return train;
}

}  // namespace gpreempt
