# label: slow timeout: 1800
# SPDX-License-Identifier: MIT
"""Policies trained in C on the published packages, with something to lose: KeyCorridor half learned, NetHack for a while."""

import json

import gymnasium
import minigrid  # noqa: F401  (registers the environments)
from nle.env.tasks import NetHackScore

import onic
from support import SOURCE, OnicTest, onic as program


class Play(OnicTest):
    def compare(self, run, make, name, episodes, *options):
        program("eval", run, f"--episodes={2 * episodes}", f"--json={self.folder / 'c.json'}", *options, timeout=900)
        ours = json.loads((self.folder / "c.json").read_text())[name]
        played = onic.evaluate(onic.Policy(run, seed=2), make, episodes=episodes, envs=25, seed=9000)
        mean, low, high = getattr(played, {"success_rate": "success_rate", "return": "mean_return"}[name])
        print(f"{name}: {mean:.4g} [{low:.4g}, {high:.4g}] on the package, {ours['mean']:.4g} {ours['ci95']} in C")
        self.assertTrue(low <= ours["ci95"][1] and ours["ci95"][0] <= high)
        return mean

    def test_keycorridor_half_learned_has_the_same_success(self):
        run = self.folder / "keycorridor"
        program(
            "train", SOURCE / "deploy/configs/keycorridor.yaml", "--annotator.id=rules", "--stop.success=0.8", "--frames=4000000",
            f"--run-dir={run}", "--dashboard.listen=off", timeout=900,
        )  # fmt: skip
        mean = self.compare(run, lambda: gymnasium.make("MiniGrid-KeyCorridorS3R3-v0", disable_env_checker=True), "success_rate", 400)
        self.assertTrue(0.4 < mean < 0.99, mean)

    def test_nethack_has_the_same_return(self):
        run = self.folder / "nethack"
        if program("env", "describe", "nethack:Score", check=False).returncode != 0:
            self.skipTest("NetHack's library is not there")
        program(
            "train", "--env.id=nethack:Score", "--env.actions=23", "--env.max_steps=300", "--reward.model=none", "--frames=200000",
            f"--run-dir={run}", "--dashboard.listen=off", timeout=900,
        )  # fmt: skip
        fields = [field.name for field in onic.Policy(run).fields]
        self.compare(run, lambda: NetHackScore(observation_keys=fields, max_episode_steps=300), "return", 100)


