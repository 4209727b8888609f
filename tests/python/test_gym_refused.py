# SPDX-License-Identifier: MIT
"""What cannot be played is refused in one sentence, with its exit code, before anything is begun; and what is only left out is said."""

import json
import os
import re
import subprocess
import sys

import numpy

from gym_support import BAD, HERE, PYTHON, GymTest
from support import SOURCE, OnicTest, onic

NO_FIELD = "is a Sequence; make it Box, Discrete, MultiDiscrete, MultiBinary or Text"


class Refused(OnicTest):
    def refused(self, env, *sentence, options=(PYTHON,), train=False):
        """By the command that describes it; train: by the one that trains it as well."""
        run = self.folder / "run"
        trains = ["train", f"--env.id={env}", f"--run-dir={run}", "--frames=1000", "--reward.model=none", "--dashboard.listen=off"]
        for command in (["env", "describe", env], *([trains] if train else [])):
            done = onic(*command, *options, cwd=HERE, check=False)
            self.assertEqual(done.returncode, BAD, (command, done.stderr))
            self.assertEqual(len(done.stderr.splitlines()), 1, (command, done.stderr))
            self.assertNotIn("Traceback", done.stderr)
            for part in sentence:
                self.assertIn(part, done.stderr)
            self.assertFalse(run.exists())

    def bare(self):
        """An interpreter without packages, and the place for them."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.folder / "bare"], check=True)
        [site] = (self.folder / "bare/lib").glob("python*/site-packages")
        return self.folder / "bare/bin/python", site

    def module(self, text):
        """A module broken_world for the interpreter of these tests."""
        (self.folder / "broken_world.py").write_text(text)
        program = self.folder / "python"
        program.write_text(f'#!/bin/sh\nexport PYTHONPATH={self.folder}:"$PYTHONPATH"\nexec {sys.executable} "$@"\n')
        program.chmod(0o755)
        return [f"--gym.python={program}"]

    def test_names(self):
        self.refused("gym:CartPole-v11", "Gymnasium registers no environment CartPole-v11; the nearest name is CartPole-v1")
        self.refused("gym:strange_worlds:Nobody-v0", "the module strange_worlds registers no environment Nobody-v0")
        self.refused("gym:a:b:c", "it is gym:NAME of Gymnasium, or gym:MODULE:NAME", train=True)
        self.refused("gym:MiniGrid-DoorKey-5x5-v0", "that of a module is gym:MODULE:NAME")

    def test_modules(self):
        self.refused("gym:no_such_module:X-v0", "there is no module no_such_module for", "start onic in its folder, set PYTHONPATH, or install it there", train=True)
        for text, why in [
            ("1 / 0", "ZeroDivisionError: division by zero (broken_world.py:1)"),
            ("\ndef (", "SyntaxError: invalid syntax (broken_world.py:2)"),
            ("import no_such_part", "ModuleNotFoundError: No module named 'no_such_part' (broken_world.py:1)"),
        ]:
            self.refused("gym:broken_world:X-v0", f"the module broken_world cannot be imported: {why}", options=self.module(text))

    def test_whose_it_is(self):
        self.refused("gym:onic/corridor-v0", "onic/corridor-v0 is not an environment of Gymnasium's own: name its module, gym:MODULE:onic/corridor-v0")

    def test_nothing_of_the_folder_is_executed(self):
        """An interpreter from before 3.11 does not know PYTHONSAFEPATH."""
        old = self.folder / "python"
        old.write_text(f'#!/bin/sh\nunset PYTHONSAFEPATH\nexec {sys.executable} "$@"\n')
        old.chmod(0o755)
        for name in ("numpy", "gymnasium", "onic", "random"):
            (self.folder / f"{name}.py").write_text("import os\nos.write(2, b'owned')\nos._exit(5)\n")
        for python in (old, sys.executable):
            for path in (os.environ["PYTHONPATH"], f":{os.environ['PYTHONPATH']}:"):  # an empty entry is the current folder
                said = onic("env", "describe", "gym:CartPole-v1", f"--gym.python={python}", cwd=self.folder, surroundings={"PYTHONPATH": path}).stdout
                self.assertIn("state float32[4]", said)

    def test_interpreters(self):
        self.refused("gym:CartPole-v1", "gym.python: /no/python is not a program that can be executed", options=["--gym.python=/no/python"], train=True)
        self.refused("gym:CartPole-v1", "there is no nopython in the PATH: give --gym.python=PATH", options=["--gym.python=nopython"])
        self.refused("gym:CartPole-v1", "with /bin/true: its Python process ", " ended with status 0", options=["--gym.python=/bin/true"])

    def test_an_interpreter_without_what_it_needs(self):
        python, site = self.bare()
        words = "pip install gymnasium numpy there, or give --gym.python=PATH of another one"
        self.refused("gym:CartPole-v1", f"the interpreter {python} cannot import numpy: {words}", options=[f"--gym.python={python}"], train=True)
        (site / "numpy.py").write_text("")
        self.refused("gym:CartPole-v1", f"the interpreter {python} cannot import gymnasium: {words}", options=[f"--gym.python={python}"])
        (site / "numpy.py").write_text("made for another")
        self.refused("gym:CartPole-v1", "cannot import numpy or gymnasium: SyntaxError: invalid syntax (numpy.py:1)", options=[f"--gym.python={python}"])
        (site / "gymnasium.py").write_text("__version__ = '0.29.1'\n")
        (site / "numpy.py").unlink()
        (site / "numpy").symlink_to(f"{numpy.__path__[0]}")
        (site / "numpy.libs").symlink_to(f"{numpy.__path__[0]}.libs")
        self.refused("gym:CartPole-v1", "has gymnasium 0.29.1; onic needs 1.0 or newer", options=[f"--gym.python={python}"])

    def test_spaces_name_the_field(self):
        self.refused("gym:strange_worlds:NoSpace-v0", f"the field 'strange' {NO_FIELD}", train=True)
        self.refused("gym:strange_worlds:WideBox-v0", "the field 'wave' is a Box of")
        self.refused("gym:strange_worlds:ManyFields-v0", "the observation has 17 fields, onic takes 1 to 16")
        self.refused("gym:strange_worlds:NoBounds-v0", "the actions are a Box without finite bounds; gymnasium.wrappers.RescaleAction")
        self.refused("gym:strange_worlds:NumberedBox-v0", "the actions are a Box of int32; whole numbers are MultiDiscrete")
        self.refused("gym:strange_worlds:NamedActions-v0", "the actions are a Dict; make them Discrete, MultiDiscrete, MultiBinary or Box")

    def test_what_it_does_when_it_is_made(self):
        made = "import gymnasium\nclass X(gymnasium.Env):\n    {}\ngymnasium.register('X-v0', X)\n"
        self.refused(
            "gym:broken_world:X-v0", "gym:X-v0 cannot be made: RuntimeError: no licence (broken_world.py:3)",
            options=self.module(made.format("def __init__(self): raise RuntimeError('no licence')")), train=True,
        )  # fmt: skip
        self.refused("gym:broken_world:X-v0", "gym:X-v0 cannot be made: ", options=self.module(made.format("pass")))  # no spaces

    def test_what_is_of_the_old_gym(self):
        self.refused("gym:strange_worlds:OldReset-v0", "its reset does not return observation and info, as Gymnasium has it", train=True)
        self.refused("gym:strange_worlds:OldStep-v0", "its step does not return observation, reward, terminated, truncated and info, as Gymnasium has it")

    def test_a_run_that_must_be_repeatable(self):
        done = onic("train", "--env.id=gym:CartPole-v1", f"--run-dir={self.folder}/run", "--frames=1000", "--deterministic", PYTHON, check=False)
        self.assertEqual(done.returncode, BAD, done.stderr)
        self.assertIn("run.deterministic needs an environment that can be saved exactly, and gym:CartPole-v1 cannot", done.stderr.splitlines()[-1])


class LanguageFeedback(GymTest):
    """Without captions, or without a goal, it is off, and that is said."""

    SENTENCE = 'language feedback is off (reward.model=none); it needs captions, info["caption"] or an observation that is a Text, and --annotator.goal=FILE'

    def model(self):
        return re.search(r"^reward:\n(?:  .*\n)*?  model: '(\w+)'", (self.folder / "run/config.yaml").read_text(), re.M).group(1)

    def test_without_captions(self):
        goal = SOURCE / "deploy/goals/corridor/corridor.yaml"
        said = self.train("--env.id=gym:CartPole-v1", f"--annotator.goal={goal}", "--annotator.id=rules")
        self.assertIn(f"gym:CartPole-v1 has no captions: {self.SENTENCE}", said)
        self.assertEqual(self.model(), "none")
        last = json.loads((self.folder / "run/metrics.jsonl").read_text().splitlines()[-1])
        self.assertEqual(last.get("annot/labels_total", 0), 0)

    def test_without_a_goal(self):
        self.assertIn(f"gym:CartPole-v1 has no goal: {self.SENTENCE}", self.train("--env.id=gym:CartPole-v1"))
        self.assertEqual(self.model(), "none")

    def test_a_run_keeps_the_reward_model_it_was_given(self):
        self.train("--env.id=gym:CartPole-v1", "--reward.model=counts")
        said = self.train("--env.id=gym:CartPole-v1", frames=6000)
        self.assertNotIn("language feedback is off", said)
        self.assertEqual(self.model(), "counts")


class Sweeps(OnicTest):
    """Those of deploy/experiments that train in environments of Gymnasium."""

    def test_each_asks_for_its_runs(self):
        for name, runs in (("gym", 20), ("text_world", 10)):
            done = onic("sweep", f"deploy/experiments/{name}.yaml", "--dry-run", PYTHON, f"--run-dir={self.folder}/{name}", cwd=SOURCE)
            self.assertIn(f"onic sweep: {runs} runs in", done.stderr)

    def test_the_world_of_text_is_found_from_the_checkout(self):
        said = onic("env", "describe", "gym:deploy.examples.gym.text_world:Chest-v0", PYTHON, cwd=SOURCE).stdout
        self.assertIn("words float32[128]", said)
