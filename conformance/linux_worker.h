#pragma once

#include <array>
#include <cstdint>

#include "conformance/operation.h"

/// The actor's side on Linux: a process that serves orders which come over sockets.
namespace gpreempt::conformance {

/// A socket for each of the two threads; orders are `Operation`s, replies are `Answer`s. The first
/// message is the thread's number, as an `Answer`'s result.
using ActorSockets = std::array<int, 2>;

/// A socket pair per thread: ours, and the actor's. Errors: errno, negative.
struct SocketPairs {
  ActorSockets ours{-1, -1};
  ActorSockets theirs{-1, -1};
};
[[nodiscard]] int make_sockets(SocketPairs& pairs);

/// The rest of a process that was forked for it: becomes `user` and serves until the other ends
/// close.
[[noreturn]] void serve_actor(const ActorSockets& sockets, std::uint32_t user);

/// The command line of an actor that has executed its program anew: then it serves as before and
/// does not return. A program that has actors calls this before it reads its own command line.
void serve_if_actor(int argc, char** argv);

/// What follows the answer to FORK on the first thread's socket: the child's sockets.
[[nodiscard]] bool receive_sockets(int from, ActorSockets& sockets);

}  // namespace gpreempt::conformance
