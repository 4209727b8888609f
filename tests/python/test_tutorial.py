# SPDX-License-Identifier: MIT
"""The tutorial runs from its first cell to its last, with every package and with those only that it must have."""

import subprocess
import sys

from support import SOURCE, OnicTest, answers, train_until

TUTORIAL = SOURCE / "deploy/python/tutorial.py"


class Tutorial(OnicTest):
    @classmethod
    def setUpClass(cls):
        cls.run_dir = OnicTest.shared_folder(cls) / "run"
        options = ["--annotator.id=rules", "--replay.every_episodes=20", "--env.max_steps=60"]
        train_until(cls.a_door_was_opened, cls.run_dir, SOURCE / "deploy/configs/keycorridor.yaml", *options)

    @classmethod
    def a_door_was_opened(cls):
        """An episode was kept, and somebody was asked about what the tutorial is to show."""
        kept = any((cls.run_dir / "replays").glob("*.jsonl"))
        return kept and any(caption.startswith("You open the ") for caption in answers(cls.run_dir))

    def tutorial(self, without=()):
        script = f"import runpy, sys; sys.modules.update(dict.fromkeys({list(without)})); runpy.run_path(sys.argv[0])"
        command = [sys.executable, "-c", f"import sys; sys.argv = {[str(TUTORIAL), str(self.run_dir)]!r}; {script}"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_cell_runs(self):
        text = self.tutorial()
        for words in ["played minigrid:KeyCorridorS3R3 with the reward model hash", "You open the ", "sees image uint8 (7, 7, 3)",
                      "MiniGrid-KeyCorridorS3R3-v0 50 episodes", "'metrics.parquet', 'labels.parquet', 'episodes.parquet'"]:  # fmt: skip
            self.assertIn(words, text)

    def test_what_is_not_installed_is_left_out(self):
        text = self.tutorial(without=["gymnasium", "minigrid", "pyarrow"])
        self.assertIn("to_parquet needs the package pyarrow", text)
        self.assertNotIn("MiniGrid-KeyCorridor", text)
