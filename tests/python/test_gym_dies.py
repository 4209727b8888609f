# SPDX-License-Identifier: MIT
"""Environments and their Python processes that raise, end, die and hang while `onic train` trains in them: it trains on, or ends as documented,
with a sentence that says who it was and what can be changed, and its books balance."""

import json
import os
import re
import signal
import subprocess
from unittest import mock

from gym_support import BAD, HERE, PYTHON, GymTest, children_of
from support import BUILD, ONIC, onic

ENV = "gym:strange_worlds:Listed-v0"
AGAIN = rf'a Python process is started again env="{ENV}" why="its Python process %s" deaths=%d gym\.restarts=%d\n'


class DuringTraining(GymTest):
    def setUp(self):
        super().setUp()
        self.faults, traces = self.folder / "faults", self.folder / "traces"
        traces.mkdir()
        surroundings = mock.patch.dict(os.environ, STRANGE_FAULTS=str(self.faults), ONIC_TRACE=str(traces))
        surroundings.start()
        self.addCleanup(surroundings.stop)

    def trained(self, faults, *options, code=0):
        self.faults.write_text(faults)
        said = self.train(f"--env.id={ENV}", "--reward.model=none", *options, code=code)
        self.assertEqual(self.faults.read_text(), "")
        self.balances()
        return said

    def balances(self):
        """By the run's own books, and by those that are kept once more from traces."""
        books = json.loads(onic("ledger", self.folder / "run", "--json").stdout)["trajectories"]
        self.assertTrue(books["balanced"], books)
        self.assertEqual((sum(books["lost"].values()), books["in_flight"], books["consumed_twice"]), (0, 0, 0))
        judged = subprocess.run([BUILD / "tests/onic-check", self.folder / "traces", self.folder / "run"], capture_output=True, text=True)
        self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)
        self.assertIn(f"{books['produced']} trajectories made", judged.stdout)

    def test_an_exception_breaks_an_episode(self):
        said = self.trained("raise raise-other raise")
        self.assertRegex(
            said, rf'an environment broke; its episode counts as cut off env="{ENV}" environment=\d+ step=2 why="ValueError: in doubt \(strange_worlds\.py:\d+\)"'
        )
        self.assertRegex(said, r"an environment broke; .* why=\"KeyError: 'door' \(strange_worlds\.py:\d+\)\" times=1")
        self.assertEqual(said.count("an environment broke;"), 2, said)  # the same again: once a minute
        self.assertNotIn("started again", said)

    def test_what_is_no_number_or_no_choice_breaks_an_episode(self):
        env = "gym:strange_worlds:Doubtful-v0"
        self.faults.write_text("no-reward nan no-choice no-reward")
        said = self.train(f"--env.id={env}", "--reward.model=none")
        self.assertEqual(self.faults.read_text(), "")
        self.balances()
        for why in ("the reward is not a finite number", "the field 'state' of the observation is not finite", "the mask forbids every option of a choice"):
            self.assertEqual(len(re.findall(rf'an environment broke; .* env="{env}" .*why="{why}', said)), 1, said)
        self.assertNotIn("started again", said)

    def test_an_exit_costs_a_process(self):
        said = self.trained("exit")
        self.assertRegex(said, AGAIN % (r"\d+ ended with status 3; it last said: I go", 1, 5))

    def test_deaths_within_the_budget(self):
        said = self.trained("die die")
        for deaths in (1, 2):
            self.assertRegex(said, AGAIN % (r"\d+ was killed by signal 9 \(Killed\).*", deaths, 5))

    def test_a_hang_costs_a_process(self):
        said = self.trained("hang", "--actors.step_timeout_s=3")
        place = r'\(File \\".*strange_worlds\.py\\", line \d+ in wrong\)'
        self.assertRegex(said, AGAIN % (rf"\d+ gave no answer for 2 s {place}; if it is only slow, raise actors\.step_timeout_s", 1, 5))

    def trained_in_its_place(self, faults, *options):
        """An actor that its learner does not hear for 10 s is given up."""
        said = self.trained(faults, *options)
        for complaint in ("lost: lease expired", "actor is back", "paused for", "silent"):
            self.assertNotIn(complaint, said)
        return said

    def test_a_hang_longer_than_a_lease_keeps_the_place(self):
        said = self.trained_in_its_place("hang", "--actors.step_timeout_s=18")  # 12 s, as by default: 20
        self.assertRegex(said, AGAIN % (r"\d+ gave no answer for 12 s .*", 1, 5))

    def test_a_step_and_a_reset_longer_than_a_lease_are_only_slow(self):
        said = self.trained_in_its_place("slow-step slow-reset")
        self.assertNotIn("started again", said)
        self.assertNotIn("environment broke", said)

    def test_more_than_the_budget_is_the_end(self):
        said = self.trained("hang die", "--actors.step_timeout_s=3", "--gym.restarts=2", code=BAD)
        last = said.strip().splitlines()[-1]
        self.assertRegex(
            last, rf"{ENV}: its Python process \d+ was killed by signal 9 \(Killed\).*, death 2 in a row \(gym\.restarts\): the environment must be mended"
        )
        self.assertEqual(said.count("is started again"), 1, said)

    def test_kills_and_stops_from_outside(self):
        text = self.folder / "said"
        with text.open("w") as file:
            training = subprocess.Popen(
                [
                    ONIC, "train", f"--env.id={ENV}", "--frames=1000000000", "--dashboard.listen=off", "--actors.count=1", "--train.batch=512",
                    f"--run-dir={self.folder}/run", "--reward.model=none", "--gym.workers=2", "--actors.step_timeout_s=3", "--metrics.every_s=1", PYTHON,
                ], cwd=HERE, stdout=subprocess.DEVNULL, stderr=file,
            )  # fmt: skip
        self.addCleanup(training.wait)
        self.addCleanup(training.kill)

        def workers():
            return {worker for part in children_of(training.pid) for worker in children_of(part)}

        def trained_more():
            before = self.frames()
            self.wait_until(lambda: self.frames() > before)

        trained_more()
        for sign, what in ((signal.SIGKILL, r"%d was killed by signal 9 \(Killed\)"), (signal.SIGSTOP, "%d gave no answer for 2 s; .* actors.step_timeout_s")):
            struck, *others = sorted(workers())
            os.kill(struck, sign)
            self.wait_until(lambda: re.search(AGAIN % (what % struck, 1, 5), text.read_text()))
            self.wait_until(lambda: len(workers() - {struck}) == 2)
            self.assertLessEqual(set(others), workers())  # they have played on
            trained_more()
        training.send_signal(signal.SIGINT)
        self.assertEqual(training.wait(60), 0, text.read_text())
        self.balances()

    def frames(self):
        metrics = self.folder / "run/metrics.jsonl"
        lines = metrics.read_text().split("\n")[:-1] if metrics.exists() else []  # whole ones
        return max((json.loads(line).get("env_steps", 0) for line in lines), default=0)
