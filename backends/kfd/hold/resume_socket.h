#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

/// How one gpreempt asks another one, which keeps queues suspended, to resume them: the driver
/// takes RESUME only from the process that has the debug session. One message each way.
namespace gpreempt::kfd {

struct ResumeAnswer {
  std::vector<std::uint32_t> resumed;  ///< the driver's ids
  std::string error;                   ///< not empty: why not
};

/// The holder's side.
class ResumeSocket {
 public:
  struct Request {
    Fd connection = kNoFd;
    Pid target;
    std::vector<std::uint32_t> queues;  ///< the driver's ids; none: all
  };

  /// Makes the socket of this process. Errors: kIo.
  [[nodiscard]] static Result<std::unique_ptr<ResumeSocket>> open(Os& os);
  ResumeSocket(const ResumeSocket&) = delete;
  ResumeSocket& operator=(const ResumeSocket&) = delete;
  ~ResumeSocket() = default;

  /// What was asked since the last call. What is no request is answered with an error here.
  [[nodiscard]] std::vector<Request> take();
  /// Answers once, and ends the connection.
  void answer(const Request& request, const ResumeAnswer& answer);
  /// Removes the socket. Who still waits for an answer sees its end.
  void close();

 private:
  ResumeSocket(Os& os, std::string path, Fd listener)
      : os_(os), path_(std::move(path)), listener_(listener) {}
  void reply(Fd connection, const ResumeAnswer& answer);

  Os& os_;
  std::string path_;
  Fd listener_;
  std::vector<Fd> connections_;  ///< that have not asked yet
};

/// Removes what a holder that was killed has left. Nothing happens if it left nothing.
void remove_socket_of(Os& os, Pid holder);

/// The process that traces `target`; a pid of 0 if nobody does.
/// Errors: kProcessExited (no such target), kIo.
[[nodiscard]] Result<Pid> tracer_of(Os& os, Pid target, std::string_view proc_root = "/proc");

/// Asks `holder` to resume these queues of `target`, or all. Blocks: until it has answered, at most
/// for `patience`. Errors: kBusy (the holder is no gpreempt that suspends), kNotPermitted (it is
/// another user's), kInvalidArgument (it refuses: its words), kTimedOut, kIo.
[[nodiscard]] Result<ResumeAnswer> ask_to_resume(Os& os, Pid holder, Pid target,
                                                 const std::vector<std::uint32_t>& queues,
                                                 Duration patience = std::chrono::seconds(15));

}  // namespace gpreempt::kfd
