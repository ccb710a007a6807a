#include "cli/samples_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "calibration/sample.h"
#include "cli/output_folder.h"
#include "cli/report/csv.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

using calibration::CallSample;
using calibration::SaveStamps;
using report::CsvRows;

/// Every field but the place, with its column: one list for both directions.
template <class Sample, class Visit>
void each_field(Sample& sample, SaveStamps& stamps, const Visit& visit) {
  visit("repetition", sample.repetition);
  visit("first", sample.first);
  visit("gpus", sample.gpus);
  visit("xccs", sample.xccs);
  visit("queues", sample.queues);
  visit("processes", sample.processes);
  visit("other_queues", sample.others);
  visit("waves", sample.waves);
  visit("other_waves", sample.other_waves);
  visit("grace_units", sample.grace_units);
  visit("longest_grace_ns", sample.longest_grace_ns);
  visit("issued_ns", sample.issued_ns);
  visit("suspend_ns", sample.suspend_ns);
  visit("resume_ns", sample.resume_ns);
  visit("suspend_bytes", sample.suspend_bytes);
  visit("resume_bytes", sample.resume_bytes);
  visit("suspend_gap_ns", sample.suspend_gap_ns);
  visit("resume_gap_ns", sample.resume_gap_ns);
  visit("save_start_gpu_ns", stamps.save_start);
  visit("save_end_gpu_ns", stamps.save_end);
  visit("restore_start_gpu_ns", stamps.restore_start);
  visit("restore_end_gpu_ns", stamps.restore_end);
  for (std::size_t i = 0; i < calibration::kParts; ++i) {
    visit(fmt::format("{}_ns", calibration::kPartNames.at(i)), sample.parts.at(i));
  }
}

constexpr std::string_view kStampSuffix = "_gpu_ns";

const std::vector<std::string>& columns() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names = {"place"};
    CallSample sample;
    SaveStamps stamps;
    each_field(sample, stamps,
               [&](const auto& name, const auto& /*field*/) { names.emplace_back(name); });
    return names;
  }();
  return all;
}

template <class T>
std::string written(const T& value) {
  return fmt::format("{:d}", value);
}
template <class T>
std::string written(const std::optional<T>& value) {
  return value ? written(*value) : std::string{};
}

/// One field of a row into a number of its own type.
class FieldReader {
 public:
  FieldReader(const CsvRows& row, std::string_view file) : row_(row), file_(file) {}

  template <class T>
  void operator()(const std::string& name, T& field) {
    read(name, field);
    ++column_;
  }
  /// Whether the row has stamps: it has all four or none.
  [[nodiscard]] bool has_stamps() const { return stamps_ == 4; }
  [[nodiscard]] Result<void> result() const {
    if (problem_) {
      return tl::unexpected<Error>(*problem_);
    }
    if (stamps_ != 0 && stamps_ != 4) {
      return fail(Errc::kParse, fmt::format("{}: place {}: it has some of the four times of the "
                                            "GPU's clock and not all; leave all of them empty",
                                            file_, row_.text(0)));
    }
    return {};
  }

 private:
  template <class T>
  void read(const std::string& name, std::optional<T>& field) {
    if (row_.text(column_).empty()) {
      field.reset();
      return;
    }
    T value{};
    read(name, value);
    field = value;
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  void read(const std::string& name, T& field) {
    const bool is_stamp = name.ends_with(kStampSuffix);
    if (problem_ || (is_stamp && row_.text(column_).empty())) {
      return;
    }
    const Result<std::int64_t> value = row_.integer(column_);
    if (!value) {
      problem_ = value.error();
      return;
    }
    const auto most = std::is_same_v<T, bool> ? 1
                      : sizeof(T) < sizeof(std::int64_t)
                          ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                          : std::numeric_limits<std::int64_t>::max();
    if (*value < 0 || *value > most) {
      problem_ = Error{.code = Errc::kParse,
                       .what = fmt::format("{}: place {}: {} is {}, which it cannot be; write the "
                                           "folder again",
                                           file_, row_.text(0), name, *value)};
      return;
    }
    stamps_ += is_stamp ? 1 : 0;
    field = static_cast<T>(*value);
  }

  const CsvRows& row_;
  std::string_view file_;
  std::size_t column_ = 1;
  int stamps_ = 0;
  std::optional<Error> problem_;
};

Result<CallSample> read_sample(const CsvRows& row, std::string_view file) {
  CallSample sample;
  sample.place = row.text(0);
  SaveStamps stamps;
  FieldReader reader(row, file);
  each_field(sample, stamps, [&](const auto& name, auto& field) { reader(name, field); });
  GPREEMPT_TRY(reader.result());
  if (reader.has_stamps()) {
    sample.stamps = stamps;
  }
  if (sample.place.empty() || sample.xccs == 0) {
    return fail(Errc::kParse, fmt::format("{}: repetition {}: a row needs a place and an XCC; "
                                          "write the folder again",
                                          file, sample.repetition));
  }
  return sample;
}

}  // namespace

std::string samples_text(std::span<const CallSample> samples) {
  std::string text;
  for (const std::string& name : columns()) {
    text += text.empty() ? "" : ",";
    text += name;
  }
  text += "\n";
  for (const CallSample& sample : samples) {
    text += sample.place;
    SaveStamps stamps = sample.stamps.value_or(SaveStamps{});
    each_field(sample, stamps, [&](const auto& name, const auto& field) {
      const bool absent = std::string_view(name).ends_with(kStampSuffix) && !sample.stamps;
      text += "," + (absent ? std::string{} : written(field));
    });
    text += "\n";
  }
  return text;
}

Result<std::vector<CallSample>> read_samples(std::string_view text, std::string_view name) {
  if (!text.ends_with('\n')) {
    return fail(Errc::kParse,
                fmt::format("{}: the last line does not end: the file was cut off; write the "
                            "folder again",
                            name));
  }
  CsvRows rows;
  GPREEMPT_TRY(store(rows, CsvRows::open(name, text, {columns().begin(), columns().end()})));
  std::vector<CallSample> samples;
  while (true) {
    const Result<bool> more = rows.next();
    GPREEMPT_TRY(more);
    if (!*more) {
      return samples;
    }
    Result<CallSample> sample = read_sample(rows, name);
    GPREEMPT_TRY(sample);
    samples.push_back(*std::move(sample));
  }
}

Halves halves_of(std::span<const CallSample> samples) {
  std::map<std::pair<std::string, std::optional<std::uint32_t>>, std::uint32_t> counts;
  for (const CallSample& sample : samples) {
    std::uint32_t& count = counts[{sample.place, sample.grace_units}];
    count = std::max(count, sample.repetition + 1);
  }
  Halves halves;
  for (const CallSample& sample : samples) {
    const std::uint32_t count = counts[{sample.place, sample.grace_units}];
    (sample.repetition < (count + 1) / 2 ? halves.fit : halves.held_out).push_back(sample);
  }
  return halves;
}

Result<void> write_samples(const std::filesystem::path& folder,
                           std::span<const CallSample> samples) {
  const Halves halves = halves_of(samples);
  const auto write = [&](std::string_view name, const std::vector<CallSample>& half) {
    const std::filesystem::path file = folder / name;
    if (samples.empty()) {
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
      return Result<void>{};
    }
    return write_text(file, samples_text(half));
  };
  GPREEMPT_TRY(write(kSamplesFile, halves.fit));
  return write(kHeldOutFile, halves.held_out);
}

}  // namespace gpreempt::cli
