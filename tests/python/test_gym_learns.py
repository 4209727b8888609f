# label: slow timeout: 2400
# SPDX-License-Identifier: MIT
"""CartPole is learned with the defaults; the world of pictures of deploy/examples/gym by the command of its page, and not with shut eyes."""

import json

from gym_support import PYTHON
from support import SOURCE, OnicTest, onic

FOLDER = SOURCE / "deploy/examples/gym"


class Learns(OnicTest):
    def success(self, *options):
        """Of 200 sampled episodes, after training."""
        run = self.folder / "run"
        usual = (f"--run-dir={run}", "--on-exists=overwrite", "--dashboard.listen=off", "--replay.every_episodes=0", "--reward.model=none", PYTHON)
        quick = ("--policy.core=none", "--train.batch=1024", "--train.lr=0.001", "--train.epochs=2", "--frames=60000")
        onic("train", "--env.id=gym:pictures:Catch-v0", *usual, *quick, *options, cwd=FOLDER, timeout=1000)
        done = onic("eval", run, "--episodes=200", "--json=-", "--gym.modules=pictures", PYTHON, cwd=FOLDER)
        return json.loads(done.stdout)["success_rate"]["mean"]

    def test_pictures(self):
        self.assertGreater(self.success(), 0.95)

    def test_not_without_pictures(self):
        self.assertLess(self.success("--plugin.blank=true"), 0.4)  # the ball is in one of eight columns: one in eight

    def test_cartpole_with_the_defaults(self):
        """As each seed of deploy/experiments/gym.yaml did."""
        run = self.folder / "run"
        onic("train", "--env.id=gym:CartPole-v1", "--frames=400000", f"--run-dir={run}", "--dashboard.listen=off", "--replay.every_episodes=0", PYTHON, timeout=1000)
        done = onic("eval", run, "--episodes=100", "--json=-", PYTHON)
        self.assertGreater(json.loads(done.stdout)["return"]["mean"], 300)  # one seed in steps of their own order; 400 is what five keep, tests/python/test_kept.py
