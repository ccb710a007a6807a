#pragma once

#include <memory>

#include "core/backend.h"

namespace gpreempt {

/// Wraps a backend so that every argument rule of `Backend` is checked once, in one place, for all
/// worlds: `open` functions return this. The real backend below may rely on them.
[[nodiscard]] std::unique_ptr<Backend> make_checked_backend(std::unique_ptr<Backend> inner);

}  // namespace gpreempt
