# SPDX-License-Identifier: MIT
"""onic.load on runs of the real programs: finished, live, another user's, damaged; other formats."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import warnings

import numpy as np
import pandas
import pyarrow.parquet

import onic
from onic import tables
from support import ONIC, OnicTest, answers, onic as program, train_until

OPTIONS = [
    "--annotator.id=rules", "--annotator.goal=KeyCorridor", "--reward.model=hash", "--replay.every_episodes=20", "--env.max_steps=40",
    "--dashboard.listen=off",
]  # fmt: skip


WORLD = "--env.id=minigrid:KeyCorridorS3R3"


class Load(OnicTest):
    @classmethod
    def setUpClass(cls):
        """A run with labels, kept episodes and two lives."""
        cls.run_dir = OnicTest.shared_folder(cls) / "run"
        train_until(lambda: len(answers(cls.run_dir)) > 10, cls.run_dir, WORLD, *OPTIONS)
        cls.steps = int(onic.load(cls.run_dir).metrics["env_steps"].iloc[-1]) + 20000
        program("train", f"--run-dir={cls.run_dir}", f"--frames={cls.steps}")

    def test_metrics_are_the_lines_of_the_file(self):
        lines = [json.loads(line) for line in (self.run_dir / "metrics.jsonl").read_text().splitlines()]
        metrics = onic.load(self.run_dir).metrics
        self.assertIsInstance(metrics, pandas.DataFrame)
        self.assertEqual(len(metrics), len(lines))
        np.testing.assert_array_equal(metrics["env_steps"], [line.get("env_steps", np.nan) for line in lines])
        self.assertEqual(metrics["event"].dropna().tolist(), ["end", "end"])
        self.assertGreaterEqual(metrics["env_steps"].iloc[-1], self.steps)
        self.assertEqual(metrics["train/entropy"].iloc[-1], lines[-1]["train/entropy"])

    def test_labels_are_those_that_the_program_exports(self):
        program("labels", "export", self.run_dir, self.folder / "labels.jsonl")
        exported = [json.loads(line) for line in (self.folder / "labels.jsonl").read_text().splitlines()]
        labels = onic.load(self.run_dir).labels
        answered = labels[labels["state"] == "answered"]
        self.assertGreater(len(exported), 10)
        self.assertEqual(len(answered), len(exported))
        for name in ["id", "caption", "goal", "prompt_version", "annotator", "model", "label", "confidence", "raw", "asked_at",
                     "answered_at", "kind", "parameters", "vote"]:  # fmt: skip
            self.assertEqual(answered[name].tolist(), [row[name] for row in exported], name)
        self.assertEqual(set(answered["origin"]), {"rules"})

    def test_questions_about_pairs_and_declared_orders_are_taken_apart(self):
        store = self.folder / "labels.sqlite"
        shutil.copy(self.run_dir / "labels.sqlite", store)
        with sqlite3.connect(store) as connection:
            connection.execute("UPDATE labels SET caption = ?, raw = 'rules: 3' WHERE id = 1", (b"a \xe9\0b",))
            connection.execute("UPDATE labels SET caption = ? WHERE id = 2", (b"\0scored",))
            connection.execute("UPDATE labels SET state = 3 WHERE id = 3")
            connection.execute("UPDATE identities SET annotator = 'llm>rules'")
        labels = onic.load(self.run_dir, labels=store).labels.set_index("id")
        self.assertEqual(labels.loc[1, ["kind", "caption", "caption_b", "origin"]].tolist(), ["pair", "a é", "b", "rules"])
        self.assertEqual(labels.loc[2, ["kind", "caption", "origin"]].tolist(), ["score", "scored", "llm>rules"])
        self.assertTrue(np.isnan(labels.loc[3, "label"]) and labels.loc[3, "state"] == "abstained")

    def test_episodes_and_steps_are_the_kept_ones(self):
        run = onic.load(self.run_dir)
        files = sorted((self.run_dir / "replays").glob("*.jsonl"))
        self.assertGreater(len(files), 3)
        self.assertEqual(run.episodes["file"].tolist(), [file.name for file in files])
        self.assertEqual(len(run.steps), run.episodes["steps"].sum())
        played = json.loads(program("replay", files[0], "--json").stdout)
        steps = run.steps[run.steps["file"] == files[0].name]
        self.assertEqual(steps["action"].tolist(), [step["action"] for step in played["step"]])
        self.assertEqual(steps["caption"].tolist(), [step["caption"] for step in played["step"]])
        np.testing.assert_allclose(steps["int"].sum(), played["paid_int"], rtol=1e-5, atol=1e-6)
        self.assertEqual(run.episodes["seed"][0], played["seed"])

    def test_the_configuration_is_that_of_the_run(self):
        config = onic.load(self.run_dir).config
        self.assertEqual(config["env"]["id"], "minigrid:KeyCorridorS3R3")
        self.assertEqual((config["env"]["max_steps"], config["train"]["adam_eps"], config["policy"]["squash"]), (40, 1e-6, False))
        self.assertEqual(config["env"]["plugin"], "")

    def test_a_configuration_that_is_not_this_runs_is_said(self):
        other, run = self.folder / "other", self.folder / "run"
        program("train", f"--run-dir={other}", "--env.id=corridor", "--annotator.id=rules", "--frames=2000")
        for harm, said in [
            (lambda file: shutil.copy(other / "config.yaml", file), "config.yaml is of another run [(]"),
            (lambda file: os.truncate(file, 3000), "config.yaml was cut, damaged or edited"),
            (lambda file: file.write_text(file.read_text().replace("  lr: ", "  lr: 0")), "config.yaml was cut, damaged or edited"),
        ]:
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(self.run_dir, run)
            harm(run / "config.yaml")
            with self.assertWarnsRegex(UserWarning, said):
                _ = onic.load(run).config
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertGreater(len(onic.load(self.run_dir).config), 10)
            (run / "run_id").unlink()
            self.assertGreater(len(onic.load(run).config), 10)

    def test_parquet_and_npz_hold_the_same(self):
        run = onic.load(self.run_dir)
        paths = run.to_parquet(self.folder / "parquet")
        self.assertEqual([path.name for path in paths], ["metrics.parquet", "labels.parquet", "episodes.parquet", "steps.parquet"])
        for path in paths:
            pandas.testing.assert_frame_equal(pyarrow.parquet.read_table(path).to_pandas(), getattr(run, path.stem))
        arrays = np.load(run.to_npz(self.folder / "run.npz"), allow_pickle=False)
        self.assertEqual(list(arrays), [f"{name}/{column}" for name in onic.run.TABLES for column in run.table(name)])
        for name, values in arrays.items():
            table, column = name.split("/", 1)
            wanted = getattr(run, table)[column]
            nothing = "" if values.dtype.kind == "U" else np.nan
            wanted = [nothing if value is None or value != value else value for value in wanted]
            np.testing.assert_array_equal(values, wanted, name, strict=False)

    def test_actions_of_several_numbers_are_rows_of_an_array(self):
        self.assertEqual(tables.array_of("a", [[0.5, 1], [2, 3]]).tolist(), [[0.5, 1], [2, 3]])
        with self.assertRaisesRegex(onic.OnicError, "the column a has rows of different lengths"):
            tables.array_of("a", [[0.5, 1], [2]])

    def test_a_line_that_is_being_written_is_not_there_yet(self):
        run = self.folder / "run"
        shutil.copytree(self.run_dir, run)
        whole = len(onic.load(run).metrics)
        with open(run / "metrics.jsonl", "a") as out:
            out.write('{"time":1,"env_steps":7')
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(len(onic.load(run).metrics), whole)
        with open(run / "metrics.jsonl", "a") as out:
            out.write("}\n")
        self.assertEqual(onic.load(run).metrics["env_steps"].iloc[-1], 7)
        with open(run / "metrics.jsonl", "a") as out:
            out.write('{"cut\n{"time":2,"env_steps":8}\n')
        with self.assertWarnsRegex(UserWarning, "metrics.jsonl: 1 lines are no JSON objects"):
            self.assertEqual(onic.load(run).metrics["env_steps"].iloc[-1], 8)

    def test_a_live_run_is_read_and_left_alone(self):
        run = self.folder / "live"
        child = subprocess.Popen(
            [ONIC, "train", WORLD, f"--run-dir={run}", *OPTIONS, "--frames=1000000000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self.wait_until(lambda: (run / "metrics.jsonl").exists() and len(onic.load(run).metrics) > 2 and len(onic.load(run).labels) > 5)
            live = onic.load(run)
            first = len(live.metrics), len(live.labels)
            self.wait_until(lambda: len(live.refresh().metrics) > first[0] and len(live.episodes) > 0)
            self.assertGreaterEqual(len(live.labels), first[1])
            self.assertEqual(len(live.steps), live.episodes["steps"].sum())
        finally:
            child.send_signal(signal.SIGTERM)
            self.assertEqual(child.wait(60), 0)
        program("labels", "verify", run)

    def test_a_run_of_another_user_is_read_and_nothing_is_left_in_it(self):
        if os.geteuid() != 0:
            self.skipTest("another user is only had by root")
        run = self.folder / "run"
        shutil.copytree(self.run_dir, run)
        self.leave_a_write_ahead_file(run / "labels.sqlite")
        self.folder.chmod(0o755)
        before = sorted(path.relative_to(run) for path in run.rglob("*"))
        script = (
            "import os, sys, onic, pandas; load = onic.load  # this user may not read the packages\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534); run = load(sys.argv[1])\n"
            "print(len(run.metrics), len(run.labels), len(run.steps), run.labels['caption'].iloc[-1])"
        )
        done = subprocess.run([sys.executable, "-c", script, run], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.strip().endswith("in the write-ahead file"), done.stdout)
        self.assertEqual(sorted(path.relative_to(run) for path in run.rglob("*")), before)

    def leave_a_write_ahead_file(self, store):
        """As a killed server leaves it: the last commit is not in the store itself."""
        connection = sqlite3.connect(store, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE labels SET caption = 'in the write-ahead file' WHERE id = (SELECT max(id) FROM labels)")
        copy = store.with_name("copy.sqlite")
        shutil.copy(store, copy)
        shutil.copy(f"{store}-wal", f"{copy}-wal")
        connection.close()
        os.replace(copy, store)
        os.replace(f"{copy}-wal", f"{store}-wal")

    def test_what_is_no_run_is_one_sentence(self):
        (self.folder / "empty").mkdir()
        (self.folder / "file").write_text("x")
        for path, sentence in [("none", "does not exist; a run directory"), ("file", "is no directory"), ("empty", "is no run directory")]:
            with self.assertRaisesRegex(onic.OnicError, sentence):
                onic.load(self.folder / path)
        run = self.folder / "run"
        shutil.copytree(self.run_dir, run)
        (run / "labels.sqlite").write_bytes(b"no store" * 1000)
        with self.assertRaisesRegex(onic.OnicError, "cannot be read as a label store .*`onic labels verify`"):
            _ = onic.load(run).labels
        next((run / "replays").glob("*.jsonl")).write_text('{"other":1}\n')
        with self.assertRaisesRegex(onic.OnicError, "is not an episode that onic kept"):
            _ = onic.load(run).episodes

    def test_what_is_no_file_is_not_waited_for(self):
        def too_long(*_):
            raise AssertionError("a pipe was waited for")

        def read_all(run):
            return run.config, run.table("metrics"), run.table("labels"), run.table("steps"), run.policy()

        before = signal.signal(signal.SIGALRM, too_long)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        self.addCleanup(signal.alarm, 0)
        read_all(onic.load(self.run_dir))
        kept = next((self.run_dir / "replays").glob("*.jsonl"))
        for file in ["config.yaml", "metrics.jsonl", "labels.sqlite", "run_id", f"replays/{kept.name}"]:
            for put in [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir]:
                shutil.rmtree(self.folder / "run", ignore_errors=True)
                shutil.copytree(self.run_dir, self.folder / "run")
                (self.folder / "run" / file).unlink()
                put(self.folder / "run" / file)
                signal.alarm(60)
                with self.assertRaisesRegex(onic.OnicError, f"{file} cannot be read: it is no regular file"):
                    read_all(onic.load(self.folder / "run"))
                signal.alarm(0)

    def test_labels_in_another_place_are_read_where_the_caller_says_only(self):
        run = self.folder / "run"
        shutil.copytree(self.run_dir, run)
        shutil.move(run / "labels.sqlite", self.folder / "elsewhere.sqlite")
        text = (run / "config.yaml").read_text().replace("labels:\n  path: ''", f"labels:\n  path: '{self.folder}/elsewhere.sqlite'")
        (run / "config.yaml").write_text(text)
        with self.assertRaisesRegex(onic.OnicError, "name it, onic.load"):
            _ = onic.load(run).labels
        self.assertGreater(len(onic.load(run, labels=self.folder / "elsewhere.sqlite").labels), 10)

    def test_without_pandas_it_says_what_is_missing(self):
        script = (
            "import sys; sys.modules['pandas'] = None; import onic; run = onic.load(sys.argv[1])\n"
            "print(len(run.table('metrics')['time']))\n"
            "try: run.metrics\n"
            "except ImportError as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-c", script, self.run_dir], capture_output=True, text=True, check=True)
        rows, sentence = done.stdout.splitlines()
        self.assertEqual(int(rows), len(onic.load(self.run_dir).metrics))
        self.assertEqual(sentence, "onic.load(RUN).metrics needs the package pandas, which this Python does not have: "
                                   "pip install 'onic[frames]', or pip install pandas")  # fmt: skip
