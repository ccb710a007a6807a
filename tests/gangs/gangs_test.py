"""Goal: a disturbed job that lost something is never called good, and one that lost nothing is. Method: the
kit's own scripts on stand-ins for torchrun and gpreempt; expected numbers are written here by hand."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
KIT = HERE.parent.parent / "workloads" / "gangs"
sys.dont_write_bytecode = True
sys.path.insert(0, str(KIT))
import check_ddp  # noqa: E402


def rows(*losses, length=10):
    """A step a loss: it begins at 100 * step and takes `length` ns."""
    return [(100 * i, 100 * i + length, loss) for i, loss in enumerate(losses)]


def runs(pid):
    """False also of one that nobody has waited for."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Check(unittest.TestCase):
    def test_equal_losses_are_good(self):
        run = {0: rows(3.0, 2.0), 1: rows(3.0, 2.0)}
        self.assertTrue(check_ddp.check(run, run, 1, [])["good"])

    def test_a_loss_that_differs_in_its_last_bit_is_not(self):
        other = {0: rows(3.0, 2.0), 1: rows(3.0, 2.0000000000000004)}
        verdict = check_ddp.check({0: rows(3.0, 2.0), 1: rows(3.0, 2.0)}, other, 1, [])
        self.assertFalse(verdict["good"])
        self.assertIn("rank 1, step 1", verdict["faults"][0])

    def test_a_rank_that_ended_early_is_not(self):
        verdict = check_ddp.check({0: rows(3.0, 2.0)}, {0: rows(3.0)}, 1, [], unfinished=[0])
        self.assertIn("rank 0 ended after 1 steps before it was to", verdict["faults"][0])

    def test_a_rank_that_did_fewer_steps_than_another_is_not(self):
        run = {0: rows(3.0, 2.0), 1: rows(3.0, 2.0)}
        verdict = check_ddp.check(run, {0: rows(3.0, 2.0), 1: rows(3.0)}, 1, [])
        self.assertIn("the ranks did 2, 1 steps", verdict["faults"][0])

    def test_steps_that_nothing_can_be_compared_with_are_not(self):
        verdict = check_ddp.check({0: rows(3.0)}, {0: rows(3.0, 2.0)}, 1, [])
        self.assertIn("rank 0 did 2 steps, and only 1 undisturbed", verdict["faults"][0])

    def test_an_undisturbed_run_may_have_more_steps(self):
        self.assertTrue(check_ddp.check({0: rows(3.0, 2.0)}, {0: rows(3.0)}, 1, [])["good"])

    def test_a_rank_that_is_missing_is_not(self):
        verdict = check_ddp.check({0: rows(1.0), 1: rows(1.0)}, {0: rows(1.0)}, 1, [])
        self.assertFalse(verdict["good"])

    def test_step_times_are_told_apart_by_what_they_overlap(self):
        # Steps at 0, 100, 200: the suspension 95..150 overlaps the second alone, of 40 ns.
        other = [(0, 10, 1.0), (100, 140, 1.0), (200, 212, 1.0)]
        verdict = check_ddp.check({0: rows(1.0, 1.0, 1.0)}, {0: other}, 1, [(95, 150)])
        one = verdict["step_time"]["other"][0]
        self.assertEqual((one["steps_hit"], one["hit_median_ns"], one["hit_max_ns"]), (1, 40, 40))
        self.assertEqual(one["free_median_ns"], 12)
        self.assertEqual(one["undisturbed_median_ns"], 10)

    def test_a_step_that_ends_as_the_suspension_begins_is_not_hit(self):
        verdict = check_ddp.check({0: rows(1.0)}, {0: rows(1.0)}, 1, [(10, 20)])
        self.assertEqual(verdict["step_time"]["other"][0]["steps_hit"], 0)


class Read(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def put(self, name, text):
        (self.folder / name).write_text(text, encoding="ascii")

    def test_a_last_line_that_was_cut_is_dropped(self):
        self.put("0.csv", "step,begin_ns,end_ns,loss\n0,1,2,0x1.8p+1\n1,3,4,0x1")
        self.assertEqual(check_ddp.read_run(self.folder), {0: [(1, 2, 3.0)]})

    def test_bad_rows_are_refused_with_file_and_line(self):
        for row in ("0,1,2", "0,1,2,loss", "1,1,2,0x1p+0", "0,5,2,0x1p+0", ",,,"):
            self.put("0.csv", f"step,begin_ns,end_ns,loss\n{row}\n")
            with self.assertRaisesRegex(check_ddp.Refused, r"0\.csv:2: "):
                check_ddp.read_run(self.folder)

    def test_ranks_must_be_all_there(self):
        self.put("1.csv", "step,begin_ns,end_ns,loss\n")
        with self.assertRaises(check_ddp.Refused):
            check_ddp.read_run(self.folder)

    def test_refused_input_has_an_exit_code_of_its_own(self):
        self.put("0.csv", "what?\n")
        done = subprocess.run([sys.executable, "-B", str(KIT / "check_ddp.py"), str(self.folder),
                               str(self.folder), "--suspended-rank", "1"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("0.csv:1: the header is not", done.stderr)


class Orchestration(unittest.TestCase):
    """The whole of run_ddp.py, with stand-ins."""

    def run_kit(self, *job, durations="1,10"):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        out = pathlib.Path(folder.name)
        times = 3
        tool = f"{sys.executable} -B {HERE / 'stand_in_gpreempt.py'} {out / 'asked'}"
        done = subprocess.run(
            [sys.executable, "-B", str(KIT / "run_ddp.py"), "--out", str(out), "--durations", durations,
             "--times", str(times), "--patience", "60", "--gpreempt", tool, "--",
             sys.executable, "-B", str(HERE / "stand_in_job.py"), *job],
            capture_output=True, text=True, check=False, timeout=110)
        verdict = out / "verdict.json"
        asked = out / "asked"
        return (done, json.loads(verdict.read_text()) if verdict.exists() else None,
                asked.read_text().splitlines() if asked.exists() else [], out)

    def test_each_duration_is_asked_for_as_often_as_wanted_and_the_job_is_good(self):
        done, verdict, asked, out = self.run_kit()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "1ms: good\n10ms: good\n")
        pid = (out / "10ms" / "1.pid").read_text().strip()
        self.assertEqual(sum(line.startswith(f"suspend {pid} --for 10ms ") for line in asked), 3)
        # The other rank may be disturbed, and nobody else.
        other = (out / "10ms" / "0.pid").read_text().strip()
        self.assertTrue(all(line.endswith(f"--bystander pid:{other}") for line in asked[3:]), asked)
        self.assertEqual(len(asked), 6)
        self.assertEqual(verdict["1ms"]["suspensions"], 3)

    def test_the_job_goes_on_until_all_suspensions_are_made(self):
        done, verdict, _, out = self.run_kit(durations="100")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual((out / "100ms" / "steps").read_text(), "0\n")  # until it is told to stop
        disturbed = check_ddp.read_run(out / "100ms")
        spans = check_ddp.read_suspensions(out / "100ms" / "suspensions.csv")
        self.assertEqual(len(spans), 3)
        self.assertGreater(disturbed[1][-1][1], spans[-1][1])  # the last step ends after the last one
        # And the run that it is judged by has as many steps.
        self.assertEqual(int((out / "undisturbed" / "steps").read_text()), len(disturbed[1]))
        self.assertEqual(verdict["100ms"]["suspensions"], 3)

    def test_a_job_that_comes_to_other_losses_is_bad(self):
        done, verdict, _, _ = self.run_kit("--wrong-after", "20", "--only-in", "1ms", durations="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("rank 1, step 20", verdict["1ms"]["faults"][0])

    def test_an_abort_is_bad(self):
        done, verdict, _, _ = self.run_kit("--abort-after", "30", "--only-in", "1ms", durations="1")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(any("ended after 30 steps before it was to" in fault for fault in verdict["1ms"]["faults"]))
        self.assertTrue(any("the job ended with 1" in fault for fault in verdict["1ms"]["faults"]))

    def test_a_job_that_fails_undisturbed_is_no_verdict(self):
        done, verdict, asked, _ = self.run_kit("--abort-after", "5")
        self.assertEqual(done.returncode, 3)
        self.assertIsNone(verdict)
        self.assertEqual(asked, [])


    def test_whoever_ends_it_ends_its_job(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            folder = tempfile.TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            out = pathlib.Path(folder.name)
            tool = f"{sys.executable} -B {HERE / 'stand_in_gpreempt.py'} {out / 'asked'}"
            kit = subprocess.Popen(
                [sys.executable, "-B", str(KIT / "run_ddp.py"), "--out", str(out), "--durations", "1", "--times",
                 "1000000", "--gpreempt", tool, "--", sys.executable, "-B", str(HERE / "stand_in_job.py")],
                stderr=subprocess.DEVNULL)
            while not (out / "asked").exists():
                self.assertIsNone(kit.poll())
            pid = int((out / "1ms" / "1.pid").read_text())
            kit.send_signal(number)
            kit.wait(60)
            while runs(pid):
                os.sched_yield()

class UnmodifiedServer(unittest.TestCase):
    """vllm_online.py, with a stand-in for vLLM."""

    def start(self, model):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        program = self.folder / "vllm"
        program.write_text(f"#!/bin/sh\nexec {sys.executable} -B {HERE / 'stand_in_vllm.py'} \"$@\"\n", encoding="ascii")
        program.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return subprocess.Popen(
            [sys.executable, "-B", str(KIT / "vllm_online.py"), model, "--out", str(self.folder / "out"),
             "--port", str(port), "--patience", "60"],
            env=os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}", "VLLM_LOG": str(self.folder / "log")},
            stderr=subprocess.PIPE, text=True)

    def said(self):
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def test_it_is_asked_again_and_again_until_it_is_ended_with_its_server(self):
        online = self.start("model")
        while "bench-3.json" not in self.said():
            self.assertIsNone(online.poll())
        online.terminate()
        _, errors = online.communicate(timeout=60)
        self.assertEqual(online.returncode, 0, errors)
        self.assertTrue(self.said()[0].startswith("serve model --tensor-parallel-size 2 "))
        self.assertEqual(self.said()[1:4], ["bench-1.json", "bench-2.json", "bench-3.json"])
        self.assertEqual(self.said()[-1], "serve ended")
        self.assertTrue((self.folder / "out" / "bench-3.json").exists())

    def test_a_server_that_does_not_start_is_an_error(self):
        online = self.start("broken")
        _, errors = online.communicate(timeout=60)
        self.assertEqual(online.returncode, 1)
        self.assertIn("vllm serve broken: no answer", errors)

    def test_requests_that_fail_end_the_server_and_are_an_error(self):
        online = self.start("lost")
        _, errors = online.communicate(timeout=60)
        self.assertEqual(online.returncode, 1)
        self.assertIn("failed in round 2", errors)
        self.assertEqual(self.said()[-1], "serve ended")


if __name__ == "__main__":
    unittest.main()
