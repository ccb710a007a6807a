"""Stands in for `gpreempt suspend PID --for D`: says what it was asked."""
import sys

with open(sys.argv[1], "a", encoding="ascii") as lines:
    lines.write(" ".join(sys.argv[2:]) + "\n")
