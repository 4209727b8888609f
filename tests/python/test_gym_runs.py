# label: slow timeout: 900
# SPDX-License-Identifier: MIT
"""Training in environments of the real gymnasium and minigrid: worlds that go wrong now and then, and the examples."""

import json

import minigrid  # noqa: F401 - the examples need it
import numpy as np

from onic import load

from gym_support import BAD, PYTHON, GymTest, trace
from support import SOURCE, OnicTest, answers, onic, train_until


class Trains(GymTest):
    def test_what_goes_wrong_now_and_then_trains_on(self):
        for name, why in (("Raises", "the world has a hole"), ("NotANumber", "the field 'state' of the observation is not finite")):
            said = self.train(f"--env.id=gym:strange_worlds:{name}-v0", "--reward.model=none", "--on-exists=overwrite")
            self.assertIn(why, said)  # a warning of the actor, on the terminal
            ledger = json.loads(onic("ledger", self.folder / "run", "--json").stdout)["trajectories"]
            self.assertTrue(ledger["balanced"] and ledger["consumed"], ledger)
            self.assertEqual((sum(ledger["lost"].values()), ledger["consumed_twice"]), (0, 0))

    def test_what_always_breaks_ends_with_its_sentence(self):
        said = self.train("--env.id=gym:strange_worlds:BrokenReset-v0", "--reward.model=none", code=BAD)
        self.assertIn("RuntimeError: no world today", said.strip().splitlines()[-1])

    def test_memory_has_a_limit(self):
        said = self.train("--env.id=gym:strange_worlds:Leaks-v0", "--reward.model=none", "--gym.memory_mb=400", "--gym.restarts=0", frames=6000)
        self.assertIn("gym.memory_mb allows 400", said)

    def test_several_processes_play_at_once(self):
        self.train("--env.id=gym:CartPole-v1", "--reward.model=none", "--gym.workers=3")
        metrics = [json.loads(line) for line in (self.folder / "run/metrics.jsonl").read_text().splitlines()]
        self.assertTrue(metrics)


class Examples(OnicTest):
    """deploy/examples/gym"""

    FOLDER = SOURCE / "deploy/examples/gym"

    def test_captions_of_a_wrapper_are_those_of_the_port(self):
        actions = np.random.default_rng(5).choice([0, 1, 2, 2, 2, 3, 4, 5, 5], 1500).tolist()
        for theirs, ours in (("KeyCorridorS3R3-v0", "KeyCorridorS3R3"), ("ObstructedMaze-1Dlhb-v0", "ObstructedMaze-1Dlhb")):
            a, _, _ = trace(f"gym:minigrid_captions:Talking-{theirs}", actions, folder=self.FOLDER)
            b, _, _ = trace(f"minigrid:{ours}", actions)
            self.assertEqual([line["message"] for line in a], [line["message"] for line in b])
            self.assertGreater(len({line["message"] for line in a}), 8)

    def test_a_world_of_text_with_language_feedback(self):
        run = self.folder / "run"
        options = [f"--annotator.goal={self.FOLDER}/text_world.yaml", "--actors.count=1", "--train.batch=512", PYTHON]

        def heard_by_the_learner():
            metrics = load(run).metrics
            return "annot/labels_total" in metrics and metrics["annot/labels_total"].max() > 0

        train_until(heard_by_the_learner, run, "--env.id=gym:text_world:Chest-v0", "--annotator.id=rules", *options, cwd=self.FOLDER)
        self.assertGreater(len(answers(run)), 0)

    def test_the_world_of_thirty_lines(self):
        self.assertLessEqual(len((self.FOLDER / "my_world.py").read_text().splitlines()), 32)
        onic(
            "train", "--env.id=gym:my_world:Road-v0", "--frames=4000", "--dashboard.listen=off", "--actors.count=1", "--train.batch=512",
            f"--run-dir={self.folder}/run", PYTHON, cwd=self.FOLDER,
        )  # fmt: skip
