# label: slow timeout: 900 requirements: requirements-trackers.txt
# SPDX-License-Identifier: MIT
"""onic.forward with the real wandb (offline: it keeps a file) and the real mlflow (its file store)."""

import json
import os
import subprocess
import sys

from support import OnicTest, onic as program


class Trackers(OnicTest):
    @classmethod
    def setUpClass(cls):
        cls.run_dir = OnicTest.shared_folder(cls) / "run"
        program("train", "--env.id=corridor", f"--run-dir={cls.run_dir}", "--reward.model=none", "--frames=300000", "--dashboard.listen=off")
        lines = [json.loads(line) for line in (cls.run_dir / "metrics.jsonl").read_text().splitlines()]
        cls.steps = [line["env_steps"] for line in lines if "env_steps" in line]
        cls.rewards = [line["reward/reward"] for line in lines if line.get("reward/reward") is not None]

    def forward(self, *arguments, **environment):
        command = [sys.executable, "-m", "onic.forward", self.run_dir, *arguments]
        where = {**os.environ, "HOME": str(self.folder), **environment}
        done = subprocess.run(command, cwd=self.folder, env=where, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def test_mlflow_has_every_line_once(self):
        import mlflow
        from mlflow.tracking import MlflowClient

        store = f"file://{self.folder}/store"
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        self.assertIn("forwarded", self.forward("--to=mlflow", "--project=p", MLFLOW_TRACKING_URI=store))
        self.assertIn("forwarded 0 lines", self.forward("--to=mlflow", "--project=p", MLFLOW_TRACKING_URI=store))
        client = MlflowClient(store)
        runs = client.search_runs([client.get_experiment_by_name("p").experiment_id])
        self.assertEqual([run.info.status for run in runs], ["FINISHED"])
        self.assertEqual(runs[0].data.params["env.id"], "corridor")
        history = client.get_metric_history(runs[0].info.run_id, "reward/reward")
        self.assertEqual([m.value for m in history], self.rewards)
        self.assertTrue({m.step for m in history} <= set(self.steps))
        self.assertTrue(mlflow.__version__)

    def test_wandb_has_every_line_once(self):
        offline = {"WANDB_MODE": "offline", "WANDB_DIR": str(self.folder), "WANDB_SILENT": "true"}
        self.forward("--to=wandb", "--project=p", **offline)
        self.assertIn("forwarded 0 lines", self.forward("--to=wandb", "--project=p", **offline))
        files = sorted(self.folder.glob("wandb/offline-run-*/run-*.wandb"))
        self.assertEqual(len(files), 2)
        rows = [row for file in files for row in self.history(file)]
        self.assertEqual([row["reward/reward"] for row in rows if "reward/reward" in row], self.rewards)
        self.assertEqual([row["env_steps"] for row in rows if row["env_steps"]], [step for step in self.steps if step])

    def history(self, file):
        """Rows of what wandb wrote: records in the format of LevelDB's log, behind a header of 7 bytes."""
        from wandb.proto import wandb_internal_pb2

        data, at, parts, rows = file.read_bytes(), 7, b"", []
        while at + 7 <= len(data):
            if 32768 - at % 32768 < 7:  # the rest of a block is too small for a record
                at += 32768 - at % 32768
                continue
            size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
            parts += data[at + 7 : at + 7 + size]
            at += 7 + size
            if kind in (1, 4):  # whole, or the last part
                record = wandb_internal_pb2.Record.FromString(parts)
                parts = b""
                if record.WhichOneof("record_type") == "history":
                    items = record.history.item
                    rows.append({item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items})
        return rows
