"""One rank of a DDP job is suspended again and again: does the job come to the same losses?

    run_ddp.py --out DIR [--durations 1,10,100,1000] [--times 100] [--bystander TARGET]... [-- JOB...]

Tries JOB for a few steps, then runs it once for each duration (ms) while `gpreempt suspend` takes the compute
queues of rank 1 off the GPU so often, with as long a pause after each, then undisturbed for as many steps as the
longest of these runs had, and judges each by that one (check_ddp.py). The other ranks may be disturbed, and whoever
is named as --bystander; gpreempt refuses if somebody else is on the GPU, unless --allow-bystanders. JOB gets --out FOLDER --steps N; 0 means
until there is a file FOLDER/stop. The default is torchrun with ddp_train.py on two GPUs. DIR/verdict.json has it all.
Exit codes: 0 all good, 1 not, 3 the job or gpreempt could not be run.
"""
import argparse
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check_ddp  # noqa: E402

TRIAL_STEPS = 20
DEFAULT_JOB = ["torchrun", "--standalone", "--nproc-per-node", "2", str(HERE / "ddp_train.py")]


def wait_for(condition, seconds, job):
    """Whether it came true while the job ran."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and job.poll() is None:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


class Ended(Exception):
    """SIGTERM, SIGINT or SIGHUP came."""


def on_signal(number, frame):
    del number, frame
    raise Ended


def with_its_parent():
    """In the child: torchrun, which ends its ranks on SIGTERM, gets one when this process is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def end_job(job):
    """The job and all of its process group are gone afterwards."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 20)):
        try:
            os.killpg(job.pid, number)
        except ProcessLookupError:
            break
        try:
            job.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    job.wait()


def steps_done(folder, rank):
    file = folder / f"{rank}.csv"
    return max(0, file.read_text(encoding="ascii").count("\n") - 1) if file.exists() else 0


def pid_of(file):
    return int(file.read_text(encoding="ascii"))


def suspend(wanted, folder, milliseconds):
    """begin and end on the job's clock, or None if it was refused."""
    pid = pid_of(folder / f"{wanted.rank}.pid")
    others = [f"pid:{pid_of(file)}" for file in sorted(folder.glob("*.pid")) if file.stem != str(wanted.rank)]
    bystanders = [word for each in others + wanted.bystander for word in ("--bystander", each)]
    begin = time.monotonic_ns()
    done = subprocess.run([*wanted.gpreempt, "suspend", str(pid), "--for", f"{milliseconds}ms", "--format", "json",
                           *bystanders, *(["--allow-bystanders"] if wanted.allow_bystanders else [])],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"run_ddp.py: gpreempt suspend {pid}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return begin, time.monotonic_ns()


def run_once(wanted, folder, milliseconds, steps=0):
    """Runs the job for so many steps, or, with `milliseconds`, disturbed and until all suspensions are made.
    Returns (exit code, suspensions, refusals)."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in ("stop", "0.csv", "0.done", f"{wanted.rank}.csv", f"{wanted.rank}.done"):
        (folder / old).unlink(missing_ok=True)
    spans, refused = [], 0
    with open(folder / "job.log", "wb") as log:
        job = subprocess.Popen([*wanted.job, "--out", str(folder), "--steps", str(steps)], stdout=log,
                               stderr=log, start_new_session=True, preexec_fn=with_its_parent)
        try:
            if milliseconds:
                rank = wanted.rank
                begun = wait_for(lambda: steps_done(folder, rank) > 0, wanted.patience, job)
                while begun and len(spans) + refused < wanted.times and job.poll() is None:
                    span = suspend(wanted, folder, milliseconds)
                    refused += span is None
                    if span:
                        spans.append(span)
                    time.sleep(milliseconds / 1000)
                (folder / "stop").touch()
            job.wait(wanted.patience)
        except subprocess.TimeoutExpired:
            print(f"run_ddp.py: {folder}: the job did not end in {wanted.patience} s", file=sys.stderr)
        finally:
            end_job(job)
    lines = ["begin_ns,end_ns"] + [f"{begin},{end}" for begin, end in spans]
    (folder / "suspensions.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
    return job.returncode, spans, refused


def judge(wanted, undisturbed, folder, outcome):
    code, spans, refused = outcome
    disturbed = check_ddp.read_run(folder)
    verdict = check_ddp.check(undisturbed, disturbed, wanted.rank, spans,
                              check_ddp.unfinished_ranks(folder, disturbed))
    if code != 0:
        verdict["faults"].append(f"the job ended with {code}; see {folder / 'job.log'}")
    if refused:
        verdict["faults"].append(f"{refused} suspends were refused")
    if len(spans) < wanted.times:
        verdict["faults"].append(f"{len(spans)} of {wanted.times} suspensions were made while it ran")
    verdict["good"] = not verdict["faults"]
    return verdict


def runs_undisturbed(wanted, folder, steps):
    """Whether the job did so many steps and ended well; says so if not."""
    code, _, _ = run_once(wanted, folder, 0, steps)
    if code != 0:
        print(f"run_ddp.py: the undisturbed job ended with {code}; see {folder / 'job.log'}", file=sys.stderr)
    return code == 0


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--durations", default="1,10,100,1000")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--rank", type=int, default=1)
    parser.add_argument("--patience", type=float, default=1800)
    parser.add_argument("--bystander", action="append", default=[], help="somebody who may be disturbed")
    parser.add_argument("--allow-bystanders", action="store_true", help="disturb anybody")
    parser.add_argument("--gpreempt", default="gpreempt", help="the command, with its options")
    parser.add_argument("job", nargs="*", default=DEFAULT_JOB)
    wanted = parser.parse_args(arguments)
    wanted.gpreempt = wanted.gpreempt.split()
    wanted.job = wanted.job or DEFAULT_JOB
    durations = [int(text) for text in wanted.durations.split(",")]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        if not runs_undisturbed(wanted, wanted.out / "trial", TRIAL_STEPS):
            return 3
        outcomes = {each: run_once(wanted, wanted.out / f"{each}ms", each) for each in durations}
        most = max(steps_done(wanted.out / f"{each}ms", wanted.rank) for each in durations)
        if not runs_undisturbed(wanted, wanted.out / "undisturbed", max(most, 1)):
            return 3
        undisturbed = check_ddp.read_run(wanted.out / "undisturbed")
        verdicts = {f"{each}ms": judge(wanted, undisturbed, wanted.out / f"{each}ms", outcomes[each])
                    for each in durations}
    except Ended:
        print("run_ddp.py: ended before it was done; the job was ended, too", file=sys.stderr)
        return 3
    except (OSError, ValueError, check_ddp.Refused) as error:
        print(f"run_ddp.py: {error}", file=sys.stderr)
        return 3
    (wanted.out / "verdict.json").write_text(json.dumps(verdicts, indent=2) + "\n")
    for name, verdict in verdicts.items():
        print(f"{name}: {'good' if verdict['good'] else 'BAD: ' + '; '.join(verdict['faults'])}")
    return 0 if all(verdict["good"] for verdict in verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
