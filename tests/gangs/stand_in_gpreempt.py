"""Stands in for `gpreempt suspend PID --for D`: says what it was asked, and after so many times lets the job go on."""
import pathlib
import sys

log = pathlib.Path(sys.argv[1])
enough = int(sys.argv[2])
arguments = sys.argv[3:]
with open(log, "a", encoding="ascii") as lines:
    lines.write(" ".join(arguments) + "\n")
asked = log.read_text(encoding="ascii").splitlines()
duration = arguments[arguments.index("--for") + 1]
if sum(f"--for {duration} " in line + " " for line in asked) == enough:
    (log.parent / duration / "go").touch()
