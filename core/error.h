#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

/// Errors as values. `Error::what` reads "operation on object: reason, and what to do".
namespace gpreempt {

/// A code exists only if some caller can sensibly react to exactly that error; everything else is
/// detail and goes into the text.
enum class Errc {
  kInvalidArgument,  ///< the request makes no sense; nothing was done
  kUnsupported,      ///< this backend cannot do it; the text says why
  kNotPermitted,     ///< the system refuses; doctor names the fix
  kNoSuchDevice,
  kNoSuchQueue,
  kBusy,  ///< try again later (another debugger, a request in flight)
  kTimedOut,
  kHardwareFailure,  ///< the GPU or its firmware failed; stop preempting
  kProcessExited,    ///< the target is gone; clean up quietly
  kParse,            ///< refused input; the text starts with file:line:column
  kIo,
  kInterrupted,  ///< the user asked this process to end: resume, detach, exit
  kInternal,     ///< a defect of gpreempt itself
};

[[nodiscard]] std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::kInternal;
  int sys_errno = 0;  ///< errno of the system call that failed, 0 if none did
  std::string what;
};

template <class T>
using Result = tl::expected<T, Error>;

/// Makes the error side of a `Result`.
[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string what, int sys_errno = 0) {
  return tl::unexpected<Error>(
      Error{.code = code, .sys_errno = sys_errno, .what = std::move(what)});
}

namespace detail {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace detail

}  // namespace gpreempt

/// Programmer error: stays on in release builds, prints the expression and aborts.
#define GPREEMPT_CHECK(expression)                                                        \
  do {                                                                                    \
    if (!(expression)) ::gpreempt::detail::check_failed(#expression, __FILE__, __LINE__); \
  } while (false)

/// Returns the error of a `Result` to the caller, if it holds one.
#define GPREEMPT_TRY(expression)                                                          \
  do {                                                                                    \
    if (auto gpreempt_try_result = (expression); !gpreempt_try_result) {                  \
      return ::tl::unexpected<::gpreempt::Error>(std::move(gpreempt_try_result).error()); \
    }                                                                                     \
  } while (false)
