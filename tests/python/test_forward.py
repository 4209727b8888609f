# SPDX-License-Identifier: MIT
"""onic.forward against modules with the interface of wandb and mlflow (test_trackers.py: the real ones)."""

import contextlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parent / "fakes"))

import mlflow.tracking  # noqa: E402
import wandb  # noqa: E402

import onic  # noqa: E402
from onic import forward  # noqa: E402
from support import ONIC, OnicTest, onic as program, sealed_config  # noqa: E402


class Forward(OnicTest):
    def setUp(self):
        super().setUp()
        wandb.runs.clear()
        mlflow.tracking.runs.clear()
        mlflow.tracking.experiments.clear()
        self.run_dir = self.folder / "run"
        self.run_dir.mkdir()
        (self.run_dir / "run_id").write_text("ab" * 16 + "\n")
        (self.run_dir / "config.yaml").write_text(sealed_config("env:\n  id: 'corridor'  # default\nrun:\n  frames: 5  # default\n"))
        self.lines(0)

    def lines(self, *steps, end=None):
        with open(self.run_dir / "metrics.jsonl", "a") as out:
            for step in steps:
                out.write(json.dumps({"time": 7.5, "env_steps": step, "reward/reward": step / 2, "len/len": None, "annot/source/llm>rules": 1}))
                out.write("\n")
            if end is not None:
                out.write(json.dumps({"time": 8.5, "env_steps": steps[-1], "event": "end", "exit": end}) + "\n")

    def forward(self, *arguments):
        text = io.StringIO()
        with contextlib.redirect_stderr(text):
            code = forward.main([str(self.run_dir), *arguments])
        return code, text.getvalue()

    def test_lines_and_options_reach_wandb_once(self):
        self.lines(10, 20)
        self.assertEqual(self.forward("--to=wandb", "--once"), (0, f"forwarded 3 lines of {self.run_dir} to wandb\n"))
        [(key, run)] = wandb.runs.items()
        self.assertEqual(key, ("onic", "ab" * 16, "run"))
        self.assertEqual(run.config, {"env.id": "corridor", "run.frames": 5})
        self.assertEqual([row["env_steps"] for row in run.rows], [0, 10, 20])
        self.assertEqual(run.rows[2]["reward/reward"], 10)
        self.assertNotIn("len/len", run.rows[2])
        self.assertEqual(run.defined, [("*", "env_steps")])
        self.lines(5, 30)  # a roll-back, then on
        self.forward("--to=wandb", "--once")
        self.assertEqual([row["env_steps"] for row in run.rows], [0, 10, 20, 5, 30])

    def test_lines_reach_wandb_once_offline_too(self):
        with mock.patch.dict(os.environ, {"WANDB_MODE": "offline", "WANDB_DIR": str(self.folder)}):
            self.lines(10)
            self.assertIn("forwarded 2 lines", self.forward("--to=wandb", "--once")[1])
            self.assertIn("forwarded 0 lines", self.forward("--to=wandb", "--once")[1])
            self.lines(20, 30)
            self.forward("--to=wandb", "--once")
            self.assertIn("forwarded 4 lines", self.forward("--to=wandb", "--once", "--project=other")[1])
        self.assertEqual([[row["env_steps"] for row in run.rows] for run in wandb.runs.values()], [[0, 10], [], [20, 30], [0, 10, 20, 30]])
        self.assertEqual(len(list((self.folder / "wandb").glob("onic-lines-*"))), 2)

    def test_an_id_that_is_none_goes_nowhere(self):
        with mock.patch.dict(os.environ, {"WANDB_MODE": "offline", "WANDB_DIR": str(self.folder)}):
            for text in ["x/../../../elsewhere", "' or tags.a = 'b", "AB" * 16, "ab" * 17, "", "é" * 32, "a" * 10**6]:
                for tracker in ["wandb", "mlflow"]:
                    with self.subTest(text=text[:40], tracker=tracker):
                        (self.run_dir / "run_id").write_text(text)
                        with self.assertRaisesRegex(onic.errors.OnicError, "run_id holds no id of a run"):
                            forward.TRACKERS[tracker](onic.load(self.run_dir), "p", "n")
        self.assertEqual((wandb.runs, mlflow.tracking.runs), ({}, {}))

    def test_lines_and_options_reach_mlflow_once(self):
        self.lines(10)
        self.forward("--to=mlflow", "--once", "--project=corridors", "--name=first")
        [run] = mlflow.tracking.runs.values()
        self.assertEqual((run.name, run.params["env.id"], run.status, run.tags["onic.lines"]), ("first", "corridor", "RUNNING", "2"))
        self.assertEqual(mlflow.tracking.experiments, {"corridors": run.experiment})
        self.assertIn(("reward/reward", 5.0, 7500, 10), run.metrics)
        self.assertIn("annot/source/llm_rules", {metric.key for metric in run.metrics})
        self.lines(20, end=0)
        self.forward("--to=mlflow", "--project=corridors")  # ends by itself at the last line
        self.assertEqual([m.step for m in run.metrics if m.key == "reward/reward"], [0, 10, 20])
        self.assertEqual((len(mlflow.tracking.runs), run.status), (1, "FINISHED"))

    def test_how_the_run_ended_is_told(self):
        self.lines(10, end=70)
        self.forward("--to=mlflow")
        self.forward("--to=wandb")
        self.assertEqual(next(iter(mlflow.tracking.runs.values())).status, "FAILED")
        self.assertEqual(next(iter(wandb.runs.values())).exits, [70])

    def test_a_half_written_line_is_waited_for(self):
        tracker = forward.Wandb(onic.load(self.run_dir), "p", "n")
        arguments = {"once": False, "idle": 60, "poll": 0.01}
        worker = threading.Thread(target=forward.forward, args=(onic.load(self.run_dir), tracker), kwargs=arguments)
        looks, sleep = [], time.sleep

        def looked(seconds):
            if threading.current_thread() is worker:
                looks.append(seconds)
            sleep(seconds)

        self.enterContext(mock.patch.object(time, "sleep", looked))
        worker.start()
        try:
            self.wait_until(lambda: len(tracker.run.rows) == 1)
            with open(self.run_dir / "metrics.jsonl", "a") as out:
                out.write('{"env_steps":10,"x":')
                out.flush()
                seen = len(looks)
                self.wait_until(lambda: len(looks) > seen + 1)
                out.write("3}\n")
            self.wait_until(lambda: len(tracker.run.rows) == 2)
            self.assertEqual(tracker.run.rows[1]["x"], 3)
        finally:
            self.lines(20, end=0)
            worker.join(60)
        self.assertFalse(worker.is_alive())

    def test_a_tracker_that_is_away_is_tried_again_and_gets_every_line(self):
        self.lines(10, 20, end=0)
        tracker = forward.Wandb(onic.load(self.run_dir), "p", "n")
        tracker.run.faults = 3
        text = io.StringIO()
        with contextlib.redirect_stderr(text):
            forward.forward(onic.load(self.run_dir), tracker, once=True, idle=0, again=0.01)
        self.assertEqual([row["env_steps"] for row in tracker.run.rows], [0, 10, 20, 20])
        self.assertEqual(text.getvalue(), "the tracker does not take line 1 (the server is away); trying again\n")

    def test_a_run_that_goes_no_further_is_left_with_a_sentence(self):
        code, text = self.forward("--to=wandb", "--idle=1")
        self.assertEqual(code, 0)
        self.assertRegex(text, "no new line in .*metrics.jsonl for 1 s: the run does not go on")
        self.assertEqual(next(iter(wandb.runs.values())).exits, [0])

    def test_what_cannot_be_forwarded_is_one_sentence(self):
        self.assertEqual(forward.main([str(self.folder), "--to=wandb"]), 64)
        self.assertEqual(forward.main(["--to=wandb"]), 64)
        self.assertEqual(forward.main([str(self.run_dir), "--to=other"]), 64)
        script = "import sys; sys.modules['wandb'] = None; from onic import forward; sys.exit(forward.main(sys.argv[1:]))"
        done = subprocess.run([sys.executable, "-c", script, self.run_dir, "--to=wandb"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 64)
        self.assertEqual(done.stderr, "onic.forward: --to=wandb needs the package wandb, which this Python does not have: "
                                      "pip install 'onic[wandb]', or pip install wandb\n")  # fmt: skip
        with self.assertRaisesRegex(onic.OnicError, "was begun anew while it was forwarded"):
            for _ in forward.follow(self.run_dir / "metrics.jsonl", once=False, idle=60, poll=0.01):
                (self.run_dir / "metrics.jsonl").write_text("")

    def test_a_live_run_is_followed_to_its_end(self):
        run = self.folder / "live"
        child = subprocess.Popen(
            [ONIC, "train", "--env.id=corridor", f"--run-dir={run}", "--reward.model=none", "--frames=100000000", "--dashboard.listen=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        worker = threading.Thread(target=forward.main, args=([str(run), "--to=wandb"],))
        try:
            self.wait_until(lambda: (run / "run_id").exists())
            signal_of_thread, signal.signal = signal.signal, lambda *_: None  # a thread may not set handlers
            self.addCleanup(setattr, signal, "signal", signal_of_thread)
            worker.start()
            self.wait_until(lambda: any(len(r.rows) > 2 for r in wandb.runs.values()))
        finally:
            child.terminate()
            self.assertEqual(child.wait(60), 0)
        worker.join(60)
        [tracked] = wandb.runs.values()
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual(len(tracked.rows), len(lines))
        self.assertEqual(tracked.rows[-1]["env_steps"], lines[-1]["env_steps"])
        self.assertEqual(tracked.exits, [0])
        program("status", run)
