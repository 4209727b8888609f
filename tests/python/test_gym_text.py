# SPDX-License-Identifier: MIT
"""What a Gymnasium environment says, on its way through a training: a message at the reward server, a label of it, a payment; and nothing of these
without language feedback."""

import json
import sys

import onic as package

from gym_support import PYTHON, GymTest
from support import SOURCE, answers, onic, train_until

FOLDER = SOURCE / "deploy/examples/gym"
CHEST = ("gym:text_world:Chest-v0", FOLDER)
EVERYTHING = ("gym:strange_worlds:Everything-v0", SOURCE / "tests/python")


class Text(GymTest):
    GOOD = {
        "You take the lamp.", "You take the key.", "The lamp burns brightly.", "The key turns, the chest is unlocked.",
        "The chest opens. It is full of gold!",
    }  # fmt: skip
    def trained(self, world, *options):
        env, folder = world
        return self.train(f"--env.id={env}", "--annotator.id=rules", *options, frames=4000, folder=folder)

    def trained_until(self, labelled, paid, world, *options):
        """Until each of these captions has a label, and one of them was paid in an episode that was kept."""
        env, folder = world
        run = self.folder / "run"
        few = ["--actors.count=1", "--train.batch=512", "--replay.every_episodes=1", PYTHON]

        def so():
            if not labelled <= set(answers(run)):
                return False
            steps = package.load(run).steps
            return len(steps) and paid in set(steps.loc[steps["int"] > 0, "caption"])

        said = train_until(so, run, f"--env.id={env}", "--annotator.id=rules", *few, *options, cwd=folder)
        return said, answers(run)

    def paid(self):
        top = json.loads(onic("labels", "top", self.folder / "run", "--json", "--n=100").stdout)
        return {caption["caption"]: caption["paid"] for caption in top["captions"]}

    def newest(self, key):
        lines = (self.folder / "run/metrics.jsonl").read_text().splitlines()
        return [entry[key] for entry in map(json.loads, lines) if key in entry][-1]

    def sentences(self):
        """All that text_world.py can say."""
        sys.path.insert(0, str(FOLDER))
        self.addCleanup(sys.path.remove, str(FOLDER))
        import text_world

        rooms = {f"You go to the {room}." for room in text_world.ROOMS}
        return rooms | self.GOOD | {"The chest is locked.", "Nothing happens.", "You wake up in the garden."}

    def test_what_it_says_in_its_info_is_labelled_and_paid(self):
        said, labels = self.trained_until({"You take the lamp.", "Nothing happens."}, "You take the lamp.", CHEST, f"--annotator.goal={FOLDER}/text_world.yaml")
        self.assertNotIn("language feedback is off", said)
        self.assertLessEqual(set(labels), self.sentences())
        self.assertEqual({caption: label == 1 for caption, label in labels.items()}, {caption: caption in self.GOOD for caption in labels})
        paid = self.paid()
        self.assertEqual({caption: amount > 0 for caption, amount in paid.items()}, {caption: labels[caption] == 1 for caption in paid})
        self.assertGreater(paid["You take the lamp."], 0)
        self.assertGreater(self.newest("intrinsic/share"), 0)

    def test_what_it_says_in_its_observation_is_too(self):
        goal = self.folder / "far.yaml"
        goal.write_text('description: go far\nenvironments: ["gym:*"]\npositive: [You stand at 9.]\nnegative: [You stand at 1.]\nthreshold: 0.05\nrules:\n  - "You stand at 5.": 1\n')
        _, labels = self.trained_until({"You stand at 1.", "You stand at 5."}, "You stand at 5.", EVERYTHING, f"--annotator.goal={goal}")
        for caption, label in {"You stand at 1.": 0, "You stand at 5.": 1}.items():
            self.assertEqual(labels[caption], label)
        self.assertEqual({caption for caption, amount in self.paid().items() if amount > 0}, {"You stand at 5."})

    def test_without_feedback_it_is_shown_and_not_asked(self):
        self.trained(CHEST, f"--annotator.goal={FOLDER}/text_world.yaml", "--reward.model=none", "--replay.every_episodes=1")
        self.assertFalse((self.folder / "run/labels.sqlite").exists())
        self.assertEqual((self.newest("annot/labels_total"), self.newest("intrinsic/share")), (0, 0))
        steps = package.load(self.folder / "run").steps
        heard = {caption for caption in steps["caption"] if caption}
        self.assertIn("Nothing happens.", heard)
        self.assertLessEqual(heard, self.sentences())

    def test_without_a_goal_it_is_off(self):
        said = self.trained(CHEST)
        self.assertIn(f"{CHEST[0]} has no goal: language feedback is off (reward.model=none)", said)
        self.assertFalse((self.folder / "run/labels.sqlite").exists())
