#include "core/backend.h"

#include <csignal>
#include <variant>

#include "core/time.h"

namespace gpreempt {

Duration lease_of(const Control& control) {
  return std::visit(
      [](const auto& each) {
        if constexpr (requires { each.lease; }) {
          return each.lease;
        } else {
          return Duration::zero();
        }
      },
      control);
}

bool stops_work(const Control& control) {
  struct Stops {
    bool operator()(const Resume&) const { return false; }
    bool operator()(const Priority&) const { return false; }
    bool operator()(const CuMask&) const { return false; }
    bool operator()(const Percentage& each) const { return each.percent == 0; }
    bool operator()(const Throttle& each) const { return each.in_flight == 0; }
    bool operator()(const Signal& each) const {
      // NOLINTNEXTLINE(misc-include-cleaner): csignal has it
      return each.number == SIGSTOP || each.number == SIGTSTP;
    }
    bool operator()(const Suspend&) const { return true; }
    bool operator()(const Reset&) const { return true; }
    bool operator()(const SelectiveUnmap&) const { return true; }
    bool operator()(const KernelBoundary&) const { return true; }
  };
  return std::visit(Stops{}, control);
}

}  // namespace gpreempt
