# SPDX-License-Identifier: MIT
"""onic.evaluate plays the episodes that `onic eval` plays: in environments of Gymnasium of all spaces, and with several masked choices."""

import csv
import os
import subprocess
import sys

os.environ["ONIC_LIB"] = os.environ["ONIC_BUILD"] + "/libonic_env.so"

import gymnasium
import numpy as np
import strange_worlds  # noqa: F401 - registers its worlds
import started_worlds  # noqa: F401

import onic
import onic.envs
import probe
from onic import adapters
from gym_support import BAD, HERE, PYTHON, trace
from support import BUILD, OnicTest, onic as program


class SameEpisodes(OnicTest):
    def compare(self, world, make, *options, alike=False, frames=2000, episodes=12):
        """The likeliest actions of a policy that has learned next to nothing, but says other things in other places."""
        run = self.folder / world.replace(":", "-")
        quick = ("--policy.hidden=16", "--policy.core_size=16", "--train.batch=512", "--actors.count=1", "--reward.model=none", "--replay.every_episodes=0")
        program("train", f"--env.id={world}", f"--run-dir={run}", f"--frames={frames}", *quick, "--dashboard.listen=off", PYTHON, cwd=HERE)
        program("eval", run, "--greedy", f"--episodes={episodes}", f"--csv={self.folder / 'c.csv'}", PYTHON, *options, cwd=HERE)
        with open(self.folder / "c.csv") as file:
            wanted = list(csv.DictReader(file))
        self.assertEqual(len(wanted), episodes)
        policy, seen = onic.Policy(run), set()
        for row in wanted:
            played = onic.evaluate(policy, make, episodes=1, seed=int(row["seed"]) & (0x7FFFFFFF if world.startswith("gym:") else -1), greedy=True)
            self.assertEqual(played.steps, int(row["length"]), row)
            self.assertAlmostEqual(played.returns[0], float(row["return"]), places=4)
            if float(row["success"]) >= 0:  # else the world has none
                self.assertEqual(played.successes[0], float(row["success"]), row)
            seen.add((played.steps, round(float(played.returns[0]), 4)))
        self.assertTrue(alike or len(seen) > 1, "all episodes are alike: this tells nothing")
        return policy

    def test_numbers_that_count_places(self):
        self.compare("gym:FrozenLake-v1", lambda: gymnasium.make("FrozenLake-v1"))
        self.is_played_with_no_interpreter_of_its_own(self.folder / "gym-FrozenLake-v1")

    def is_played_with_no_interpreter_of_its_own(self, run):
        """The gym.python with which it was trained stands in its configuration, and is the trainer's word, not the player's."""
        self.assertIn(sys.executable, (run / "config.yaml").read_text())
        bare = self.folder / "bare"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
        done = program("eval", run, "--episodes=1", check=False, surroundings={"PATH": f"{bare}/bin:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, BAD, done.stderr)
        self.assertIn(f"{bare}/bin/python3 cannot import numpy", done.stderr)

    def test_places_with_a_mask(self):
        policy = self.compare("gym:Taxi-v3", lambda: gymnasium.make("Taxi-v3"), alike=True)  # 200 steps without an end, most likely
        self.assertTrue(policy.action_space.masked)
        self.traced("gym:Taxi-v3", gymnasium.make("Taxi-v3"), policy, [0, 1, 2, 3, 1, 1])

    def test_actions_and_places_that_do_not_count_from_zero(self):
        self.compare("gym:started_worlds:Started-v0", lambda: gymnasium.make("Started-v0"), "--gym.modules=started_worlds")
        run = self.folder / "gym-started_worlds-Started-v0"
        for others in ("started,worlds", "started_worldx", "started_worlds2"):
            done = program("eval", run, "--episodes=1", PYTHON, f"--gym.modules={others}", cwd=HERE, check=False)
            self.assertEqual(done.returncode, BAD, done.stderr)
            self.assertIn("give --gym.modules=started_worlds", done.stderr)

    def test_every_space_at_once(self):
        def make():
            return gymnasium.make("Everything-v0", disable_env_checker=True)

        policy = self.compare("gym:strange_worlds:Everything-v0", make, "--gym.modules=strange_worlds", alike=True)
        self.assertEqual((policy.action_space.options, policy.action_space.masked), ((2, 3), True))
        self.traced("gym:strange_worlds:Everything-v0", make(), policy, [[1, 0], [1, 2]] * 2)

    def traced(self, name, world, policy, actions):
        """What the policy sees is what C sees."""
        lines, _, _ = trace(name, np.ravel(actions))
        adapt, action = adapters.bridged(world, policy.fields), adapters.bridged_action(world, policy.action_space)
        seen = [{field: np.ravel(values).tolist() for field, values in adapt(world.reset(seed=1)[0]).items()}]
        for done in actions:
            seen.append({field: np.ravel(values).tolist() for field, values in adapt(world.step(action(done))[0]).items()})
        self.assertEqual(seen, [line["obs"] for line in lines])

    def test_several_masked_choices_of_a_world_of_onic(self):
        if not (BUILD / "libonic_env.so").exists():
            self.skipTest("this build has no libonic_env.so (sanitizers)")
        self.compare("tiles:colours", lambda: gymnasium.make("onic/tiles-colours-v0"))


class Fixed(gymnasium.Env):
    """Its observation and info are given."""

    observation_space = gymnasium.spaces.Dict({"sensor": gymnasium.spaces.Box(-1, 1, (4,), np.float32)})
    action_space = gymnasium.spaces.MultiDiscrete([3, 4])

    def __init__(self, extra=lambda: {}, infos=()):
        self.extra, self.infos = extra, infos

    def seen(self):
        return {"sensor": np.zeros(4, np.float32), **self.extra()}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.told = iter(self.infos)
        return self.seen(), next(self.told, {})

    def step(self, action):
        info = next(self.told, None)
        return self.seen(), 1.0, info is None, False, info or {}


class Between(OnicTest):
    """What lies between policy and environment."""

    def policy(self, actions, observation="sensor float32[4]", env_id=None):
        path = self.folder / "policy.safetensors"
        probe.new(path, "mlp", "none", actions, observation)
        policy = onic.Policy(path, seed=1)
        policy.env_id = env_id or policy.env_id
        return policy

    def test_a_mask_is_an_array_or_one_of_each_choice(self):
        policy, sensor = self.policy("multi 3,4 masked"), np.zeros((2, 4), np.float32)
        first, second = (np.int8([0, 1, 0]), np.int8([1, 0, 0, 0])), (np.int8([0, 0, 1]), np.int8([0, 0, 0, 1]))
        rows = np.empty(2, object)  # as Gymnasium's vectors have it
        rows[:] = [first, second]
        flat = [np.concatenate(first), np.concatenate(second)]
        for mask in [rows, [first, second], flat, np.stack(flat), [list(map(list, first)), list(map(list, second))]]:
            self.assertEqual(policy.act(sensor, mask=mask)[0].tolist(), [[1, 0], [2, 3]])
        for mask in [first, list(first), flat[0], flat[0].tolist()]:
            self.assertEqual(policy.act(sensor[0], mask=mask)[0].tolist(), [1, 0])
        for mask in [(first[0], first[0]), (first[1], first[0]), (first[0],), [first, flat[0][1:]], 1]:
            with self.assertRaisesRegex(onic.OnicError, "the mask (is no array of 7 options, nor one for each of 2 choices|has the shape .*, wanted is)"):
                policy.act(sensor, mask=mask)
        alike = self.policy("multi 2,2 masked")  # arrays of two environments are not mistaken for those of two choices
        mask = [(np.int8([0, 1]), np.int8([1, 0])), (np.int8([1, 0]), np.int8([1, 0]))]
        self.assertEqual(alike.act(sensor, mask=mask)[0].tolist(), [[1, 0], [0, 0]])

    def test_a_step_without_a_mask_allows_everything_and_a_reset_must_have_one(self):
        policy, mask = self.policy("multi 3,4 masked"), (np.ones(3, bool), np.ones(4, bool))
        played = onic.evaluate(policy, lambda: Fixed(infos=[{"action_mask": mask}, {}, {"action_mask": mask}]), episodes=3)
        self.assertEqual(played.lengths.tolist(), [3, 3, 3])
        with self.assertRaisesRegex(onic.OnicError, r"are masked, and the environment's reset gives no info\['action_mask'\]"):
            onic.evaluate(policy, Fixed, episodes=1)
        for wrong in [(mask[0],), np.ones(6), (mask[1], mask[0])]:
            with self.assertRaisesRegex(onic.OnicError, r"info\['action_mask'\] is no array of 7 options, nor one for each of 2 choices"):
                onic.evaluate(policy, lambda: Fixed(infos=[{"action_mask": wrong}]), episodes=1)

    def test_what_the_policy_does_not_see_may_have_any_shape(self):
        policy, lengths = self.policy("multi 3,4"), iter(range(100))
        played = onic.evaluate(policy, lambda: Fixed(extra=lambda: {"more": np.zeros(next(lengths)), "text": "x"}), episodes=8, envs=4)
        self.assertEqual(len(played.returns), 8)

    def test_another_environment_than_that_of_the_training_is_a_sentence(self):
        other = "this is not the environment that the policy was trained in: "
        with self.assertRaisesRegex(onic.OnicError, other + r"the policy sees sensor float32\[5\], the environment has sensor float32\[4\]"):
            onic.evaluate(self.policy("multi 3,4", "sensor float32[5]", "gym:Fixed-v0"), Fixed, episodes=1)
        with self.assertRaisesRegex(onic.OnicError, other + "its actions are multi 3,4"):
            onic.evaluate(self.policy("7", env_id="gym:Fixed-v0"), Fixed, episodes=1)
        with self.assertRaisesRegex(onic.OnicError, other + "the field 'strange' is a Sequence"):
            onic.evaluate(self.policy("2", env_id="gym:Fixed-v0"), lambda: gymnasium.make("NoSpace-v0"), episodes=1)
        policy = self.policy("2", "state float32[2]", "gym:Fixed-v0")
        with self.assertRaisesRegex(onic.OnicError, r"the field 'state' has the shape \[3\], its space says \[2\]"):
            onic.evaluate(policy, lambda: gymnasium.make("OtherShape-v0", disable_env_checker=True), episodes=1, seed=1)

    def test_an_adapter_of_the_caller_goes_before(self):
        policy = self.policy("2", "sensor float32[4]", "gym:CartPole-v1")
        played = onic.evaluate(policy, lambda: gymnasium.make("CartPole-v1"), episodes=2, adapter=lambda seen: {"sensor": seen})
        self.assertEqual(len(played.returns), 2)
