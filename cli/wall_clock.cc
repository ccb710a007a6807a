#include "cli/wall_clock.h"

#include <chrono>

namespace gpreempt::cli {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Stopwatch::Stopwatch() : begin_(now_seconds()) {}

double Stopwatch::seconds() const { return now_seconds() - begin_; }

}  // namespace gpreempt::cli
