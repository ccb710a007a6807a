#pragma once

#include <string>

#include "cli/wall_clock.h"

namespace gpreempt::cli {

/// Says on stderr what is going on: one line that is overwritten on a terminal, otherwise a line
/// per phase.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void phase(std::string name);
  /// `done` is 0..1. Shown on a terminal only, a few times a second at most.
  void update(double done);
  /// The same with a note behind it; where there is no terminal, as a line every ten seconds.
  void update(double done, const std::string& note);
  /// Removes the line that is overwritten.
  void finish();
  /// The same, and where there is no terminal a last line: "study x: done, 568 runs, 12 s".
  void finish(const std::string& note);

 private:
  void show(const std::string& text);

  bool quiet_;
  bool terminal_;
  bool shown_ = false;
  double last_ = -1;
  std::string phase_;
  Stopwatch watch_;
};

}  // namespace gpreempt::cli
