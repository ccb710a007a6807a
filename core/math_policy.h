#pragma once

#include <boost/math/policies/policy.hpp>

namespace gpreempt::detail {

/// How we use Boost.Math: plain doubles, so that values do not depend on the width of `long
/// double`, and results out of range instead of exceptions.
using MathPolicy = boost::math::policies::policy<
    boost::math::policies::promote_double<false>,
    boost::math::policies::domain_error<boost::math::policies::ignore_error>,
    boost::math::policies::pole_error<boost::math::policies::ignore_error>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;

}  // namespace gpreempt::detail
