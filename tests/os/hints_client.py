"""What hints_client.cc does, with the Python module."""
import signal
import sys

sys.path.insert(0, sys.argv[1])
from gpreempt_hints import Hints  # noqa: E402

hints = Hints()
if not hints.ready() or hints.wait_start() is None:
    sys.exit(f"no start: {hints.error}")
for _ in range(3):
    with hints.request():
        pass
hints.work(5_000_000, 3)
signal.pause()
