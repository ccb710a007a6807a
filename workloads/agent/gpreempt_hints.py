"""Hints to gpreempt from Python, the standard library alone. The protocol: docs/run-anything.md.

    from gpreempt_hints import Hints
    hints = Hints()                      # the socket that GPREEMPT_HINTS names
    hints.ready()                        # after loading the model
    start = hints.wait_start()           # time.monotonic_ns(), or None where nobody listens
    with hints.request():                # arrival and end of one request
        answer = model(prompt)
    hints.work(done_ns, kernels)         # a training job: now and then

Where nobody listens every call does nothing and returns False: a program gives hints whether
gpreempt runs or not. Safe for several threads.
"""
import contextlib
import itertools
import json
import os
import socket
import threading


class Hints:
    def __init__(self, path=None, pid=None):
        """`path`: the socket; None: what GPREEMPT_HINTS names. `pid`: of the process that uses the
        GPU, if that is another one."""
        self.error = ""  # why gpreempt refused it, or the socket could not be used
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._socket = None
        path = path or os.environ.get("GPREEMPT_HINTS", "")
        if not path:
            self.error = "GPREEMPT_HINTS names no socket"
            return
        made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            made.connect(path)
        except OSError as error:
            self.error = f"{path}: {error.strerror}"
            made.close()
            return
        self._socket = made
        self._send({"hello": 1} if pid is None else {"hello": 1, "pid": pid})

    def _send(self, message):
        with self._lock:
            if self._socket is None:
                return False
            try:
                self._socket.send(json.dumps(message).encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                return True
            except BlockingIOError:
                return False  # no room: this one is lost
            except OSError as error:
                self._give_up(error.strerror)
                return False

    def _give_up(self, reason):
        self.error = self.error or reason
        self._socket.close()
        self._socket = None

    def ready(self):
        """The queues are made and the model is warm."""
        return self._send({"ready": True})

    def wait_start(self, timeout=None):
        """Waits until it is told to begin: that instant, of time.monotonic_ns(); None: nobody will."""
        if self._socket is None:
            return None
        self._socket.settimeout(timeout)
        try:
            while True:
                message = self._socket.recv(1024)
                if not message:
                    self._give_up("gpreempt has ended")
                    return None
                order = json.loads(message)
                if "error" in order:
                    self._give_up(order["error"])
                    return None
                if "start_ns" in order:
                    return order["start_ns"]
        except (socket.timeout, OSError):
            return None
        finally:
            if self._socket is not None:
                self._socket.settimeout(None)

    def arrived(self, request, at_ns=None):
        return self._send({"arrived": request} | ({} if at_ns is None else {"at_ns": at_ns}))

    def finished(self, request, at_ns=None, first_wave_ns=None, first_token_ns=None, tokens=None):
        more = {"at_ns": at_ns, "first_wave_ns": first_wave_ns, "first_token_ns": first_token_ns,
                "tokens": tokens}
        return self._send({"finished": request} | {k: v for k, v in more.items() if v is not None})

    @contextlib.contextmanager
    def request(self):
        """A request that arrives now and ends with the block."""
        number = next(self._numbers)
        self.arrived(number)
        try:
            yield number
        finally:
            self.finished(number)

    def work(self, work_ns, kernels=0):
        """What a job has done so far: kernel time as on an idle GPU, and kernels."""
        return self._send({"work_ns": work_ns, "kernels": kernels})

    def bystander(self, off_ns):
        """How long its queues have been off the GPU so far because of others, as a heartbeat on it saw."""
        return self._send({"bystander_ns": off_ns})

    def close(self):
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
