#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace gpreempt::cli {

enum class GateUnit {
  kTime,   ///< nanoseconds
  kShare,  ///< of 1; written as a percentage
  kRatio,  ///< a plain number
};

/// A limit of `gpreempt validate-hardware`.
struct Gate {
  std::string_view name;  ///< as in --gate NAME=VALUE
  GateUnit unit = GateUnit::kTime;
  double value = 0;
  std::string_view meaning;         ///< and the documents' numbers that it reconciles
  std::optional<double> goal{};     ///< the value of the gate NAME-goal, which fails nothing
  std::optional<double> stretch{};  ///< that of NAME-stretch
};

/// All limits, each at its default unless it was set.
class Gates {
 public:
  Gates();

  /// Reads "suspend-p99=3ms", "loss=10%", "ratio=2". Errors: kInvalidArgument (no such gate, which
  /// names the nearest; no value of its unit; a limit that nothing can meet or miss).
  [[nodiscard]] Result<void> set(const std::string& text);
  /// `name` must be one of them.
  [[nodiscard]] const Gate& get(std::string_view name) const;
  [[nodiscard]] std::span<const Gate> all() const { return gates_; }

 private:
  void tell_goals();

  std::vector<Gate> gates_;
};

/// "5 ms", "20 %", "1.5".
[[nodiscard]] std::string quantity_text(GateUnit unit, double value);

}  // namespace gpreempt::cli
