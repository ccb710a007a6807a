#!/usr/bin/env python3
"""Runs the M/M/1 job on every engine that is there, in turn, and prints events a second and the ratio to a loop over a heap.

engines.py [BUILD]: BUILD is the build folder, by default build/release, configured with GPREEMPT_BENCH=ON. Every engine gets the
same draws and fails unless it finds the same mean wait; the CPU time of the job alone is counted. Ratios are pair by pair.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

CUSTOMERS = 1_000_000
ROUNDS = 5
EVENTS_PER_CUSTOMER = 2  # it arrives, and its service ends
HERE = pathlib.Path(__file__).resolve().parent


def python_with_simpy():
    """Debian's own Python has Debian's packages, whatever else is first on the path."""
    for python in (sys.executable, "/usr/bin/python3"):
        for module in ("simpy", "SimPy.Simulation"):
            if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
                return python
    return None


def engines(build, draws):
    """Rows of a name, a command or None, and why there is none."""
    bench, ns3, python = build / "mm1_bench", build / "mm1_ns3", python_with_simpy()
    for name in ("heap", "timeline", "world", "actors"):
        yield name, [bench, name, str(CUSTOMERS)], ""
    yield "ns-3's core", [ns3, str(CUSTOMERS)] if ns3.exists() else None, "not built: install libns3-dev and configure again"
    yield "SimPy", [python, HERE / "mm1_simpy.py", draws] if python else None, "not found: install python3-simpy"


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release") / "tests/bench"
    if not (build / "mm1_bench").exists():
        sys.exit(f"{build}/mm1_bench: not built; cmake --preset dev -DGPREEMPT_BENCH=ON && ninja -C build/release mm1_bench mm1_ns3")
    with tempfile.NamedTemporaryFile() as draws:
        subprocess.run([build / "mm1_bench", "write", str(CUSTOMERS), draws.name], check=True)
        rows = list(engines(build, draws.name))
        rounds = []
        for _ in range(ROUNDS):
            rounds.append({name: json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                           for name, command, _ in rows if command})
    print(f"M/M/1, {CUSTOMERS:,} customers, the same draws; CPU time, median of {ROUNDS} rounds, ratios within a round\n")
    print("| engine | events/s | ratio to the heap | mean wait |\n|---|---|---|---|")
    for name, command, why in rows:
        if not command:
            print(f"| {name} | {why} | | |")
            continue
        runs = [each[name] for each in rounds]
        rate = EVENTS_PER_CUSTOMER * CUSTOMERS / statistics.median(run["cpu_s"] for run in runs)
        ratios = [each["heap"]["cpu_s"] / each[name]["cpu_s"] for each in rounds]
        print(f"| {runs[0]['engine']} | {rate / 1e6:.2f} M | {statistics.median(ratios):.3f} ({min(ratios):.3f} .. {max(ratios):.3f}) | {runs[0]['mean_wait_ns'] / 1e6:.4f} ms |")


if __name__ == "__main__":
    main()
