/* Hints to gpreempt, for C and C++: one header, nothing to link. The protocol:
 * docs/run-anything.md.
 *
 *   struct gpreempt_hints hints;
 *   gpreempt_hints_open(&hints, NULL);           // the socket of GPREEMPT_HINTS
 *   ... make streams, warm up ...
 *   gpreempt_hints_ready(&hints);
 *   int64_t start = gpreempt_hints_wait_start(&hints, -1);
 *   gpreempt_hints_arrived(&hints, 17, 0);       // a request is there
 *   gpreempt_hints_finished(&hints, 17, 0, 0);   // it is done
 *   gpreempt_hints_close(&hints);
 *
 * Where nobody listens (no variable, no such socket, refused) every call does nothing and says so
 * by its result: a program gives hints whether gpreempt runs or not. A message is one send, which
 * never waits; one that finds no room is dropped. Not for two threads at once on one struct.
 */
#pragma once
// NOLINTBEGIN(modernize-use-nullptr,readability-identifier-naming): it is C, too

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct gpreempt_hints {
  int fd;           /* -1: nobody listens */
  char reply[1024]; /* the last message that came in: a refusal has {"error":"..."} */
};

/* The clock of all times here, in nanoseconds. */
static inline int64_t gpreempt_hints_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t seconds = now.tv_sec;
  return seconds * 1000000000 + now.tv_nsec;
}

/* 0, or -1 with errno. A connection that fails is given up: later calls return -1, ENOTCONN. */
static inline int gpreempt_hints_send(struct gpreempt_hints* hints, const char* text) {
  if (hints->fd < 0) {
    errno = ENOTCONN;
    return -1;
  }
  if (send(hints->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    return 0;
  }
  if (errno != EAGAIN && errno != EWOULDBLOCK) {
    const int number = errno;
    close(hints->fd);
    hints->fd = -1;
    errno = number;
  }
  return -1;
}

/* Connects to `path`, or to the socket that GPREEMPT_HINTS names. 0, or -1 with errno. */
static inline int gpreempt_hints_open(struct gpreempt_hints* hints, const char* path) {
  union {
    struct sockaddr any;
    struct sockaddr_un local;
  } address;
  memset(hints, 0, sizeof *hints);
  hints->fd = -1;
  if (path == NULL) {
    path = getenv("GPREEMPT_HINTS");
  }
  memset(&address, 0, sizeof address);
  address.local.sun_family = AF_UNIX;
  if (path == NULL || strlen(path) >= sizeof address.local.sun_path) {
    errno = path == NULL ? ENOENT : ENAMETOOLONG;
    return -1;
  }
  memcpy(address.local.sun_path, path, strlen(path) + 1);
  hints->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (hints->fd >= 0 && connect(hints->fd, &address.any, sizeof address.local) < 0) {
    const int number = errno;
    close(hints->fd);
    hints->fd = -1;
    errno = number;
  }
  return hints->fd < 0 ? -1 : gpreempt_hints_send(hints, "{\"hello\":1}");
}

/* From now on it speaks for another process, as a front end does for the one with the GPU. */
static inline int gpreempt_hints_speak_for(struct gpreempt_hints* hints, int32_t pid) {
  char text[64];
  snprintf(text, sizeof text, "{\"hello\":1,\"pid\":%" PRId32 "}", pid);
  return gpreempt_hints_send(hints, text);
}

static inline int gpreempt_hints_ready(struct gpreempt_hints* hints) {
  return gpreempt_hints_send(hints, "{\"ready\":true}");
}

/* Waits until it is told to begin, for `timeout_ms` at most (-1: for ever). When to begin, by
 * `gpreempt_hints_now`; -1: not told, see errno (ETIMEDOUT, ENOTCONN). */
static inline int64_t gpreempt_hints_wait_start(struct gpreempt_hints* hints, int timeout_ms) {
  static const char kOrder[] = "{\"start_ns\":";
  struct pollfd waiting;
  if (hints->fd < 0) {
    errno = ENOTCONN;
    return -1;
  }
  waiting.fd = hints->fd;
  waiting.events = POLLIN;
  for (;;) {
    const int ready = poll(&waiting, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      errno = ready == 0 ? ETIMEDOUT : errno;
      return -1;
    }
    const ssize_t got = recv(hints->fd, hints->reply, sizeof hints->reply - 1, MSG_DONTWAIT);
    if (got <= 0) {
      close(hints->fd);
      hints->fd = -1;
      errno = ENOTCONN;
      return -1;
    }
    hints->reply[got] = '\0';
    if (strncmp(hints->reply, kOrder, sizeof kOrder - 1) == 0) {
      return strtoll(hints->reply + sizeof kOrder - 1, NULL, 10);
    }
  }
}

/* `at_ns`: when; 0: when the message is read. */
static inline int gpreempt_hints_arrived(struct gpreempt_hints* hints, uint64_t request,
                                         int64_t at_ns) {
  char text[128];
  if (at_ns > 0) {
    snprintf(text, sizeof text, "{\"arrived\":%" PRIu64 ",\"at_ns\":%" PRId64 "}", request, at_ns);
  } else {
    snprintf(text, sizeof text, "{\"arrived\":%" PRIu64 "}", request);
  }
  return gpreempt_hints_send(hints, text);
}

/* `first_wave_ns`: when its first work ran on the GPU; 0: not known. */
static inline int gpreempt_hints_finished(struct gpreempt_hints* hints, uint64_t request,
                                          int64_t at_ns, int64_t first_wave_ns) {
  char at[48] = "";
  char first_wave[48] = "";
  char text[192];
  if (at_ns > 0) {
    snprintf(at, sizeof at, ",\"at_ns\":%" PRId64, at_ns);
  }
  if (first_wave_ns > 0) {
    snprintf(first_wave, sizeof first_wave, ",\"first_wave_ns\":%" PRId64, first_wave_ns);
  }
  snprintf(text, sizeof text, "{\"finished\":%" PRIu64 "%s%s}", request, at, first_wave);
  return gpreempt_hints_send(hints, text);
}

/* What it has done so far: kernel time as on an idle GPU, and kernels. */
static inline int gpreempt_hints_work(struct gpreempt_hints* hints, int64_t work_ns,
                                      uint64_t kernels) {
  char text[128];
  snprintf(text, sizeof text, "{\"work_ns\":%" PRId64 ",\"kernels\":%" PRIu64 "}", work_ns,
           kernels);
  return gpreempt_hints_send(hints, text);
}

/* How long its queues have been off the GPU so far because of others, as a heartbeat on it saw. */
static inline int gpreempt_hints_bystander(struct gpreempt_hints* hints, int64_t off_ns) {
  char text[64];
  snprintf(text, sizeof text, "{\"bystander_ns\":%" PRId64 "}", off_ns);
  return gpreempt_hints_send(hints, text);
}

static inline void gpreempt_hints_close(struct gpreempt_hints* hints) {
  if (hints->fd >= 0) {
    close(hints->fd);
    hints->fd = -1;
  }
}
// NOLINTEND(modernize-use-nullptr,readability-identifier-naming)
