"""Stands in for torchrun with ddp_train.py: two ranks that write the same files, without torch or a GPU.

    stand_in_job.py --out DIR [--wrong-after N] [--abort-after N] [--steps N]

--wrong-after: rank 1 comes to another loss from step N on, as lost work would make it. --abort-after: both
ranks end with an error there, as a watchdog's abort does. The steps are as quick as they are written, but
rank 0 of a disturbed run waits until somebody has asked for it by a file DIR/go.
"""
import argparse
import os
import pathlib
import sys
import time


def rank_main(wanted, rank):
    (wanted.out / f"{rank}.pid").write_text(f"{os.getpid()}\n")
    with open(wanted.out / f"{rank}.csv", "w", encoding="ascii", buffering=1) as rows:
        rows.write("step,begin_ns,end_ns,loss\n")
        for step in range(wanted.steps):
            begin = time.monotonic_ns()
            while wanted.hold and step == 1 and not (wanted.out / "go").exists():
                time.sleep(0.001)
            if step == wanted.abort_after:
                return 1
            loss = 1.0 / (step + 1) + (0.5 if rank == 1 and step >= wanted.wrong_after else 0.0)
            rows.write(f"{step},{begin},{time.monotonic_ns()},{loss.hex()}\n")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--wrong-after", type=int, default=sys.maxsize)
    parser.add_argument("--abort-after", type=int, default=-1)
    parser.add_argument("--only-in", default="", help="a folder's name: elsewhere it does nothing wrong")
    wanted = parser.parse_args()
    wanted.hold = wanted.out.name != "undisturbed"
    if wanted.only_in and wanted.out.name != wanted.only_in:
        wanted.wrong_after, wanted.abort_after = sys.maxsize, -1
    children = []
    for rank in (0, 1):
        pid = os.fork()
        if pid == 0:
            os._exit(rank_main(wanted, rank))
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
