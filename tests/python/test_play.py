# SPDX-License-Identifier: MIT
"""A policy that was trained in C plays the published minigrid package: the same episodes, the same success."""

import csv
import json

import gymnasium
import minigrid  # noqa: F401  (registers the environments)
import numpy as np

import onic
from onic import adapters
from onic.evaluation import wilson
from support import SOURCE, OnicTest, onic as program


def minigrid_world():
    return gymnasium.make("MiniGrid-DoorKey-5x5-v0", disable_env_checker=True)


class Play(OnicTest):
    @classmethod
    def setUpClass(cls):
        cls.run_dir = OnicTest.shared_folder(cls) / "doorkey"
        program(
            "train", SOURCE / "deploy/configs/keycorridor.yaml", "--env.id=minigrid:DoorKey-5x5", "--reward.model=none", "--stop.success=0",
            "--deterministic", "--frames=400000", f"--run-dir={cls.run_dir}", "--dashboard.listen=off",
        )  # fmt: skip
        cls.policy = onic.Policy(cls.run_dir, seed=1)

    def test_the_likeliest_actions_give_the_same_episodes_as_in_c(self):
        program("eval", self.run_dir, "--greedy", "--episodes=40", f"--csv={self.folder / 'c.csv'}")
        with open(self.folder / "c.csv") as file:
            wanted = list(csv.DictReader(file))
        world, lengths = minigrid_world(), set()
        for row in wanted:
            seen, _ = world.reset(seed=int(row["seed"]))
            state, total, length, ended = self.policy.initial_state(), 0.0, 0, False
            while not ended:
                action, state = self.policy.act(adapters.minigrid(seen), state, greedy=True)
                seen, reward, terminated, truncated, _ = world.step(action)
                total, length, ended = total + reward, length + 1, terminated or truncated
            self.assertEqual((length, total > 0), (int(row["length"]), float(row["success"]) == 1), row)
            self.assertAlmostEqual(total, float(row["return"]), places=5)
            lengths.add(length)
        self.assertGreater(len(lengths), 3)

    def test_sampled_actions_have_the_success_that_onic_eval_reports(self):
        program("eval", self.run_dir, "--episodes=400", f"--json={self.folder / 'c.json'}")
        ours = json.loads((self.folder / "c.json").read_text())
        played = onic.evaluate(self.policy, minigrid_world, episodes=200, envs=20, seed=7000)
        self.assertEqual((len(played.returns), played.steps), (200, played.lengths.sum()))
        for (mean, low, high), theirs in [(played.success_rate, ours["success_rate"]), (played.mean_return, ours["return"])]:
            least, most = theirs["ci95"]
            self.assertTrue(low <= most and least <= high, f"{mean} [{low}, {high}] against {theirs}")
        self.assertGreater(played.success_rate[0], 0.5)
        self.assertRegex(str(played), r"^200 episodes, \d+ steps: success 0|1")

    def test_vectors_of_the_package_are_taken_as_they_are(self):
        worlds = gymnasium.make_vec("MiniGrid-DoorKey-5x5-v0", num_envs=3, vectorization_mode="sync")
        seen, _ = worlds.reset(seed=3)
        many, _ = self.policy.act(adapters.minigrid(seen), greedy=True)
        alone = [self.policy.act(adapters.minigrid({k: v[i] for k, v in seen.items()}), greedy=True)[0] for i in range(3)]
        self.assertEqual(many.tolist(), alone)
        worlds.close()

    def test_the_interval_is_that_of_onic_eval(self):
        np.testing.assert_allclose(wilson(0.0, 20), (0, 0, 0.161), atol=1e-3)

    def test_other_observations_are_refused_in_a_sentence(self):
        with self.assertRaisesRegex(onic.OnicError, "no observation of minigrid: it wants image and direction"):
            adapters.minigrid({"pixels": 1})
        with self.assertRaisesRegex(onic.OnicError, "no observation of nle: none of its fields"):
            adapters.nle({"image": 1})
        with self.assertRaisesRegex(onic.OnicError, "the observation lacks the field direction"):
            onic.evaluate(self.policy, lambda: gymnasium.make("CartPole-v1"), episodes=1, adapter=lambda seen: {"image": seen})
