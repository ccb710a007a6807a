#include "core/proportion.h"

#include <boost/math/distributions/binomial.hpp>
#include <cstdint>

#include "core/error.h"
#include "core/math_policy.h"

namespace gpreempt {

double proportion_at_least(std::uint64_t successes, std::uint64_t trials, double confidence) {
  GPREEMPT_CHECK(successes <= trials);
  GPREEMPT_CHECK(confidence > 0 && confidence < 1);
  using Trials = boost::math::binomial_distribution<double, detail::MathPolicy>;
  return successes == 0
             ? 0
             : Trials::find_lower_bound_on_p(static_cast<double>(trials),
                                             static_cast<double>(successes), 1 - confidence);
}

}  // namespace gpreempt
