"""Stands in for torchrun with ddp_train.py: the files of two ranks, without torch or a GPU.

    stand_in_job.py --out DIR --steps N [--wrong-after N] [--abort-after N]

--wrong-after: rank 1 comes to another loss from step N on, as lost work would make it. --abort-after: both
ranks end with an error there, as a watchdog's abort does. With --steps 0 it goes on until there is a file
DIR/stop, and for 50 steps at least, so that what is to happen after some steps does. A step takes a
millisecond or so. DIR/steps says what it was asked for.
"""
import argparse
import os
import pathlib
import sys
import time

LEAST_STEPS = 50


def goes_on(wanted, step):
    if wanted.steps > 0:
        return step < wanted.steps
    return step < LEAST_STEPS or not (wanted.out / "stop").exists()


def work(wanted, files):
    """The exit code."""
    step = 0
    while goes_on(wanted, step):
        if step == wanted.abort_after:
            return 1
        begin = time.monotonic_ns()
        time.sleep(0.001)
        for rank, rows in enumerate(files):
            loss = 1.0 / (step + 1) + (0.5 if rank == 1 and step >= wanted.wrong_after else 0.0)
            rows.write(f"{step},{begin},{time.monotonic_ns()},{loss.hex()}\n")
        step += 1
    for rank in range(len(files)):
        (wanted.out / f"{rank}.done").write_text(f"{step}\n")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--wrong-after", type=int, default=sys.maxsize)
    parser.add_argument("--abort-after", type=int, default=-1)
    parser.add_argument("--only-in", default="", help="a folder's name: elsewhere it does nothing wrong")
    wanted = parser.parse_args()
    if wanted.only_in and wanted.out.name != wanted.only_in:
        wanted.wrong_after, wanted.abort_after = sys.maxsize, -1
    (wanted.out / "steps").write_text(f"{wanted.steps}\n")
    files = []
    for rank in (0, 1):
        (wanted.out / f"{rank}.pid").write_text(f"{os.getpid()}\n")
        files.append(open(wanted.out / f"{rank}.csv", "w", encoding="ascii", buffering=1))
        files[rank].write("step,begin_ns,end_ns,loss\n")
    code = work(wanted, files)
    for rows in files:
        rows.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
