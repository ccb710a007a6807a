"""Judges a disturbed DDP run by an undisturbed one: what check() says goes into the kit's verdicts.

    check_ddp.py UNDISTURBED DISTURBED --suspended-rank 1 [--suspensions FILE] [--json]

Each folder holds RANK.csv and RANK.done as ddp_train.py writes them. FILE has begin_ns,end_ns of each
suspension, by the same clock. The run is good if every rank ended as it was to, after the same number of
steps, and every loss is the same, bit for bit; the undisturbed run may have more steps.
Exit codes: 0 good, 1 not, 2 refused input.
"""
import argparse
import csv
import json
import pathlib
import sys

HEADER = ["step", "begin_ns", "end_ns", "loss"]


class Refused(Exception):
    """Input that is none."""


def read_rank(path):
    """The rows of a rank: [(begin_ns, end_ns, loss)] by step. A last line that was cut is dropped."""
    text = path.read_text(encoding="ascii")
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(whole.splitlines()))
    if not rows or rows[0] != HEADER:
        raise Refused(f"{path}:1: the header is not {','.join(HEADER)}; is it of ddp_train.py?")
    steps = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            step, begin, end = int(row[0]), int(row[1]), int(row[2])
            loss = float.fromhex(row[3])
        except (ValueError, IndexError):
            raise Refused(f"{path}:{number}: no step: {','.join(row)}") from None
        if step != len(steps) or end < begin:
            raise Refused(f"{path}:{number}: step {len(steps)} is expected, which ends after it begins")
        steps.append((begin, end, loss))
    return steps


def read_run(folder):
    """Rank -> rows."""
    files = sorted(folder.glob("*.csv"))
    ranks = {int(file.stem): read_rank(file) for file in files if file.stem.isdigit()}
    if not ranks or sorted(ranks) != list(range(len(ranks))):
        raise Refused(f"{folder}: 0.csv, 1.csv, ... of a run's ranks are expected, and there are "
                      f"{[file.name for file in files]}")
    return ranks


def unfinished_ranks(folder, ranks):
    """Those that ended before they were to."""
    return [rank for rank in sorted(ranks) if not (folder / f"{rank}.done").exists()]


def read_suspensions(path):
    rows = list(csv.reader(path.read_text(encoding="ascii").splitlines()))
    if not rows or rows[0] != ["begin_ns", "end_ns"]:
        raise Refused(f"{path}:1: the header is not begin_ns,end_ns")
    try:
        return [(int(begin), int(end)) for begin, end in rows[1:]]
    except ValueError:
        raise Refused(f"{path}: two whole numbers a line are expected") from None


def median(values):
    """None without values."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def overlaps(begin, end, spans):
    return any(begin < until and since < end for since, until in spans)


def check(undisturbed, disturbed, suspended_rank, suspensions, unfinished=()):
    """The verdict as a dictionary; `good`, and every number behind it."""
    faults = [f"rank {rank} ended after {len(disturbed[rank])} steps before it was to: did a watchdog abort it?"
              for rank in unfinished]
    steps_of_all = {len(rows) for rows in disturbed.values()}
    if len(steps_of_all) > 1:
        faults.append("the ranks did " + ", ".join(
            f"{len(disturbed[rank])}" for rank in sorted(disturbed)) + " steps, and should have done as many")
    if sorted(undisturbed) != sorted(disturbed):
        faults.append(f"{len(undisturbed)} ranks undisturbed, {len(disturbed)} disturbed")
    common = sorted(set(undisturbed) & set(disturbed))
    for rank in common:
        done, wanted = len(disturbed[rank]), len(undisturbed[rank])
        if done > wanted:
            faults.append(f"rank {rank} did {done} steps, and only {wanted} undisturbed")
        for step, (a, b) in enumerate(zip(undisturbed[rank], disturbed[rank])):
            if a[2] != b[2]:
                faults.append(f"rank {rank}, step {step}: loss {b[2].hex()}, undisturbed {a[2].hex()}")
                break
    steps = {}
    for rank in common:
        name = "suspended" if rank == suspended_rank else "other"
        hit = [e - b for b, e, _ in disturbed[rank] if overlaps(b, e, suspensions)]
        free = [e - b for b, e, _ in disturbed[rank] if not overlaps(b, e, suspensions)]
        steps.setdefault(name, []).append(
            {"rank": rank, "steps": len(disturbed[rank]), "steps_hit": len(hit),
             "undisturbed_median_ns": median([e - b for b, e, _ in undisturbed[rank]]),
             "free_median_ns": median(free), "hit_median_ns": median(hit),
             "hit_max_ns": max(hit, default=None)})
    return {"good": not faults, "faults": faults, "suspensions": len(suspensions), "step_time": steps}


def main(arguments):
    parser = argparse.ArgumentParser(description="Judges a disturbed DDP run by an undisturbed one.")
    parser.add_argument("undisturbed", type=pathlib.Path)
    parser.add_argument("disturbed", type=pathlib.Path)
    parser.add_argument("--suspended-rank", type=int, required=True)
    parser.add_argument("--suspensions", type=pathlib.Path)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(arguments)
    try:
        spans = read_suspensions(wanted.suspensions) if wanted.suspensions else []
        disturbed = read_run(wanted.disturbed)
        verdict = check(read_run(wanted.undisturbed), disturbed, wanted.suspended_rank, spans,
                        unfinished_ranks(wanted.disturbed, disturbed))
    except (Refused, OSError, UnicodeDecodeError) as error:
        print(f"check_ddp.py: {error}", file=sys.stderr)
        return 2
    if wanted.json:
        print(json.dumps(verdict, indent=2))
    else:
        print("good" if verdict["good"] else "BAD")
        for fault in verdict["faults"]:
            print(f"  {fault}")
        for name, ranks in verdict["step_time"].items():
            for one in ranks:
                print(f"  {name} rank {one['rank']}: {one}")
    return 0 if verdict["good"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
