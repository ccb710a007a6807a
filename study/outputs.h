#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"
#include "study/plan.h"
#include "study/schedule.h"
#include "study/table.h"

/// What a finished study leaves behind.
namespace gpreempt::study {

/// As one word of a shell, in quotes where it needs them.
[[nodiscard]] std::string shell_word(const std::string& text);

/// How a row is made again.
struct Redo {
  std::string scenario;             ///< as `gpreempt run` finds it
  std::vector<std::string> traces;  ///< values of --trace
};
/// A `gpreempt run` line for a shell.
[[nodiscard]] std::string redo_command(const Redo& redo, const Plan& plan, const Row& row);

/// The plan's table with the runs that did not fail.
[[nodiscard]] Table table_of(const Plan& plan, const std::vector<Row>& rows);

/// One line a run, after RFC 4180: point, seed, a column for each factor and each metric, error,
/// command. No sample: an empty field.
[[nodiscard]] std::string runs_csv(const Plan& plan, const std::vector<Row>& rows,
                                   const Redo& redo);

/// A number so that it reads back exactly; "" for NaN.
[[nodiscard]] std::string number_text(double value);

}  // namespace gpreempt::study
