#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace gpreempt::cli {

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { finish(); }

void Progress::phase(std::string name) {
  phase_ = std::move(name);
  last_ = -1;
  if (quiet_) {
    return;
  }
  if (terminal_) {
    show(phase_);
  } else {
    fmt::print(stderr, "gpreempt: {}\n", phase_);
  }
}

void Progress::update(double done) {
  constexpr double kInterval = 0.2;
  if (quiet_ || !terminal_ || watch_.seconds() - last_ < kInterval) {
    return;
  }
  last_ = watch_.seconds();
  show(fmt::format("{}: {:.0f} %", phase_, 100 * done));
}

void Progress::update(double done, const std::string& note) {
  constexpr double kInterval = 0.2;
  constexpr double kLineInterval = 10;
  const double since = watch_.seconds() - std::max(last_, 0.0);
  if (quiet_ || since < (terminal_ ? kInterval : kLineInterval)) {
    return;
  }
  last_ = watch_.seconds();
  const std::string text = fmt::format("{}: {:.0f} %, {}", phase_, 100 * done, note);
  if (terminal_) {
    show(text);
  } else {
    fmt::print(stderr, "gpreempt: {}\n", text);
  }
}

void Progress::finish() {
  if (shown_) {
    fmt::print(stderr, "\r\x1b[K");
    (void)std::fflush(stderr);
    shown_ = false;
  }
}

void Progress::finish(const std::string& note) {
  finish();
  if (!quiet_ && !terminal_) {
    fmt::print(stderr, "gpreempt: {}: done, {}, {:.0f} s\n", phase_, note, watch_.seconds());
  }
}

void Progress::show(const std::string& text) {
  fmt::print(stderr, "\r\x1b[Kgpreempt: {}", text);
  (void)std::fflush(stderr);
  shown_ = true;
}

}  // namespace gpreempt::cli
