#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"

namespace gpreempt::study {

/// A file of lines that only grows. A line is there as a whole or not at all: one that a killed
/// writer left half written is no line.
class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  /// Opens a file, or makes an empty one, for this process alone; what was half written at its end
  /// is cut off.
  /// Errors: kIo, kBusy (another process has it open).
  [[nodiscard]] static Result<Journal> open(const std::filesystem::path& file);
  /// The lines of a file, without opening it for writing. Errors: kIo.
  [[nodiscard]] static Result<std::vector<std::string>> read(const std::filesystem::path& file);

  /// The lines that were there.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  /// How many bytes were cut off.
  [[nodiscard]] std::size_t torn() const { return torn_; }
  /// Errors: kIo (what was written of it is cut off).
  [[nodiscard]] Result<void> append(const std::string& line);
  /// Forgets all lines. Errors: kIo.
  [[nodiscard]] Result<void> clear();

 private:
  std::filesystem::path file_;
  int fd_ = -1;
  std::vector<std::string> lines_;
  std::size_t torn_ = 0;
};

}  // namespace gpreempt::study
