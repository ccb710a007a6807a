#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

/// Studies that are found by name, wherever the program lies.
namespace gpreempt::study {

/// A study compiled into the library.
struct EmbeddedStudy {
  std::string_view name;  ///< "kernel-length"
  std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedStudy> embedded_studies();

/// A study before it is read.
struct StudyText {
  std::string text;
  std::string display_name;  ///< in errors
};

/// `name` as a file if there is one, otherwise as an embedded study.
/// Errors: kInvalidArgument: there is neither (the text names the nearest embedded study, or all of
/// them), it is a folder, or the file cannot be read.
[[nodiscard]] Result<StudyText> find_study(const std::string& name);

}  // namespace gpreempt::study
