# SPDX-License-Identifier: MIT
"""onic's environments in Gymnasium: its checker, the published package minigrid in lockstep, Gymnasium's own vectors, bad input."""

import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest
import warnings

os.environ["ONIC_LIB"] = os.environ["ONIC_BUILD"] + "/libonic_env.so"

import gymnasium
import minigrid  # noqa: F401  registers its worlds
import numpy as np
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import onic
import onic.envs
from support import BUILD, SOURCE, OnicTest

KEYS = "onic/KeyCorridorS3R3-v0"


def python(script, **variables):
    """Of a fresh interpreter: what it printed, or the last line of what went wrong."""
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@unittest.skipUnless((BUILD / "libonic_env.so").exists(), "this build has no libonic_env.so (sanitizers)")
class Envs(OnicTest):
    def made(self, name=KEYS, **options):
        env = gymnasium.make(name, **options)
        self.addCleanup(env.close)
        return env

    def vector(self, name=KEYS, n=4, **options):
        env = gymnasium.make_vec(name, num_envs=n, **options)
        self.addCleanup(env.close)
        return env

    # --- what there is -------------------------------------------------------------------------------------------------------

    def test_every_world_of_the_library_has_a_name(self):
        self.assertEqual(sorted(onic.envs.WORLDS.values()), sorted(onic.envs.worlds()))
        self.assertLessEqual(set(onic.envs.WORLDS), set(gymnasium.registry))

    def test_the_names_are_known_in_any_order_of_imports(self):
        made = f"print(gymnasium.make('{KEYS}').unwrapped._worlds.facts['id'])"
        looked = "import onic, importlib.util; importlib.util.find_spec('gymnasium'); import gymnasium"
        for imports in ["import onic, gymnasium", "import gymnasium, onic", "import gymnasium, onic.envs", looked]:
            with self.subTest(imports=imports):
                self.assertEqual(python(f"{imports}; {made}"), "minigrid:KeyCorridorS3R3")
        alone = f"import gymnasium; print(gymnasium.make('onic.envs:{KEYS}').action_space)"
        self.assertEqual(python(alone), "Discrete(7)")

    def test_a_vector_is_stepped_by_another_thread(self):
        path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        script = """
import gymnasium, onic.envs, threading, numpy as np
one, two = (gymnasium.make_vec("onic/World-v0", num_envs=2, world="gym:CartPole-v1") for _ in range(2))
[env.reset(seed=1) for env in (one, two)]
for t in range(30):
    here = one.step(np.array([0, 1]))
    there = []
    thread = threading.Thread(target=lambda: there.append(two.step(np.array([0, 1]))))
    thread.start(), thread.join()
    for a, b in zip(here[:4], there[0][:4]):
        np.testing.assert_equal(a, b)
print("same")
"""
        self.assertEqual(python(script, PATH=path), "same")

    def test_gymnasiums_checker_accepts_worlds(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(self.made().unwrapped)
        others = ["DoorKey-5x5", "corridor-8", "tiles", "tiles-colours", "cartpole", "pendulum", "NetHackScore"]
        for name in [f"onic/{world}-v0" for world in others]:
            with self.subTest(name=name), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an observation without limits, and the like
                env = self.made(name).unwrapped
                if env._worlds.masked:  # the checker draws its actions from the space without looking at the mask
                    space = env.action_space
                    space.sample = lambda: type(space).sample(space, env._info(False)["action_mask"])
                check_env(env)

    def test_a_mask_says_which_actions_may_be_taken(self):
        for name in ["onic/tiles-v0", "onic/tiles-colours-v0"]:
            with self.subTest(name=name):
                env = self.made(name)
                info, ended = env.reset(seed=1)[1], False
                while not ended:
                    *_, ended, _, info = env.step(env.action_space.sample(info["action_mask"]))
        *_, info = env.reset(seed=1)
        tiles, colours = info["action_mask"]
        self.assertRaisesRegex(onic.OnicError, "that the mask forbids", env.step, np.array([np.argmax(tiles), np.argmin(colours)]))

    def test_any_world_by_its_id(self):
        env = self.made("onic/World-v0", world="corridor:32", options={"env.obs": "position"})
        self.assertEqual(list(env.reset(seed=1)[0]), ["position"])

    # --- the same as elsewhere -----------------------------------------------------------------------------------------------

    def test_a_seed_is_the_level_of_the_package_minigrid(self):
        for name in ["KeyCorridorS3R3", "MultiRoom-N6", "ObstructedMaze-1Dlhb"]:
            with self.subTest(name=name):
                ours, theirs = self.made(f"onic/{name}-v0"), gymnasium.make(f"MiniGrid-{name}-v0")
                self.play_both(ours, theirs, np.random.default_rng(3))
                theirs.close()

    def play_both(self, ours, theirs, random):
        for seed in range(3):
            a, b = ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]
            for t in range(400):
                np.testing.assert_array_equal(a["image"], b["image"])
                self.assertEqual(a["direction"][0], b["direction"])
                action = int(random.integers(7))
                a, *said, _ = ours.step(action)
                b, *expected, _ = theirs.step(action)
                self.assertEqual(said, expected)
                if said[1] or said[2]:
                    break

    def test_a_vector_is_gymnasiums_vector_of_single_ones(self):
        for name, options in [("onic/DoorKey-5x5-v0", 7), ("onic/tiles-v0", 6)]:
            for mode in AutoresetMode:
                with self.subTest(name=name, mode=mode):
                    ours = self.vector(name, 5, autoreset_mode=mode)
                    theirs = SyncVectorEnv([lambda: gymnasium.make(name)] * 5, autoreset_mode=mode)
                    self.assertEqual(ours.observation_space, theirs.observation_space)
                    self.assertEqual(ours.action_space, theirs.action_space)
                    self.assertEqual(ours.metadata["autoreset_mode"], mode)
                    self.step_both(ours, theirs, options, mode)
                    theirs.close()

    def step_both(self, ours, theirs, options, mode):
        random, ends = np.random.default_rng(4), 0
        first = ours.reset(seed=10)
        info = first[-1]
        self.same(first, theirs.reset(seed=10))
        for t in range(600):
            actions = self.possible_actions(info) if "action_mask" in info else random.integers(0, options, 5)
            a, b = ours.step(actions), theirs.step(actions)
            info = a[-1]
            self.same(a, b)
            np.testing.assert_array_equal(a[1:4], b[1:4])
            ended = a[2] | a[3]
            ends += ended.sum()
            if mode == AutoresetMode.DISABLED and ended.any():
                a, b = ours.reset(options={"reset_mask": ended}), theirs.reset(options={"reset_mask": ended.copy()})
                info = a[-1]
                self.same(a, b, ended)
            if mode == AutoresetMode.SAME_STEP and ended.any():
                self.same_ends(info, b[-1], ended)
            if ends > 20:
                break
        self.assertGreater(ends, 5)

    def steps_per_second(self, env, seconds=0.5):
        """Of processor time: neighbours do not count."""
        actions = np.random.default_rng(0).integers(0, 7, (64, env.num_envs))
        env.reset(seed=1)
        steps, start = 0, time.process_time()
        while time.process_time() < start + seconds:
            for row in actions:
                env.step(row)
            steps += actions.size
        return steps / (time.process_time() - start)

    def test_they_beat_the_package_twenty_times(self):
        theirs = gymnasium.make_vec("MiniGrid-KeyCorridorS3R3-v0", num_envs=16, vectorization_mode="sync")
        self.addCleanup(theirs.close)
        self.assertGreater(self.steps_per_second(self.vector(n=16)), 20 * self.steps_per_second(theirs))

    def possible_actions(self, info):
        return np.array([np.argmax(mask) for mask in info["action_mask"]])

    def same(self, ours, theirs, where=slice(None)):
        for field in ours[0]:
            np.testing.assert_array_equal(ours[0][field], theirs[0][field])
        np.testing.assert_array_equal(ours[-1]["caption"][where], theirs[-1]["caption"][where])
        if "action_mask" in theirs[-1]:
            np.testing.assert_array_equal(ours[-1]["action_mask"][where], theirs[-1]["action_mask"][where])

    def same_ends(self, ours, theirs, ended):
        np.testing.assert_array_equal(ours["_final_obs"], theirs["_final_obs"])
        for i in np.flatnonzero(ended):
            for field in ours["final_obs"][i]:
                np.testing.assert_array_equal(ours["final_obs"][i][field], theirs["final_obs"][i][field])
        np.testing.assert_array_equal(ours["final_info"]["caption"][ended], theirs["final_info"]["caption"][ended])
        if "success" in theirs["final_info"]:
            np.testing.assert_array_equal(ours["final_info"]["success"][ended], theirs["final_info"]["success"][ended])

    # --- what else they offer ------------------------------------------------------------------------------------------------

    def test_captions_say_what_happened(self):
        env, said = self.vector("onic/DoorKey-5x5-v0", 16), set()
        env.reset(seed=0)
        random = np.random.default_rng(5)
        for t in range(300):
            info = env.step(random.integers(0, 7, 16))[-1]
            self.assertEqual([bool(text) for text in info["caption"]], list(info["_caption"]))
            said |= set(info["caption"])
        self.assertIn("You pick up the yellow key.", said)

    def test_success_and_statistics_come_with_the_end(self):
        env = self.made("onic/corridor-8-v0")
        env.reset(seed=1)
        random, ends = np.random.default_rng(6), []
        for t in range(3000):
            *_, terminated, truncated, info = env.step(int(random.integers(3)))
            self.assertEqual("success" in info, terminated or truncated)
            if terminated or truncated:
                ends.append(info["success"] == terminated)
                env.reset()
        self.assertTrue(ends and all(ends))

    def test_a_snapshot_goes_on_exactly(self):
        env = self.made().unwrapped
        env.reset(seed=2)
        actions = np.random.default_rng(7).integers(0, 7, 80)
        for action in actions[:40]:
            env.step(action)
        state = env.save_state()
        first = [env.step(action)[:2] for action in actions[40:]]
        env.load_state(state)
        again = [env.step(action)[:2] for action in actions[40:]]
        for (a, x), (b, y) in zip(first, again):
            np.testing.assert_array_equal(a["image"], b["image"])
            self.assertEqual(x, y)

    def test_pictures(self):
        env = self.made(render_mode="rgb_array")
        env.reset(seed=1)
        picture = env.render()
        self.assertEqual((picture.dtype, picture.ndim, picture.shape[2]), (np.uint8, 3, 3))
        self.assertGreater(len(np.unique(picture)), 3)
        text = self.vector(n=2, render_mode="ansi")
        text.reset(seed=1)
        self.assertEqual(len(text.render()), 2)
        self.assertIn("\n", text.render()[0])

    def test_nethack_through_the_package_nle(self):
        env = self.vector("onic/NetHackScore-v0", 2)
        first, _ = env.reset(seed=3)
        self.assertEqual(first["glyphs"].shape, (2, 21, 79))
        for t in range(50):
            seen, *_ = env.step(np.full(2, t % 8))
        self.assertGreater(seen["blstats"][:, 20].min(), 1)  # turns
        again, _ = env.reset(seed=3)
        np.testing.assert_array_equal(first["glyphs"], again["glyphs"])

    # --- bad input -----------------------------------------------------------------------------------------------------------

    def test_a_missing_or_foreign_library_is_a_sentence(self):
        script = f"import gymnasium, onic; gymnasium.make('{KEYS}')"
        self.assertIn("there is no libonic_env.so: set it to", python(script, ONIC_LIB=str(self.folder / "nothing.so")))
        (self.folder / "text.so").write_text("no library")
        self.assertIn("cannot be used as onic's library", python(script, ONIC_LIB=str(self.folder / "text.so")))
        shutil.copytree(SOURCE / "deploy/python/onic", self.folder / "alone/onic")
        elsewhere = python(f"import os; del os.environ['ONIC_LIB']; {script}", PYTHONPATH=str(self.folder / "alone"))
        self.assertIn("libonic_env.so is not found: install the wheel onic-bin beside this package, or build onic", elsewhere)

    def test_the_library_of_the_wheel_of_the_programs_is_found(self):
        shutil.copytree(SOURCE / "deploy/python/onic", self.folder / "alone/onic")
        library = self.folder / "alone/onic_bin/prefix/lib/libonic_env.so"
        library.parent.mkdir(parents=True)
        library.symlink_to(BUILD / "libonic_env.so")
        (self.folder / "alone/onic_bin/__init__.py").write_text("")
        script = f"import gymnasium, onic.envs; gymnasium.make('{KEYS}'); print(onic.envs._library_path())"
        self.assertEqual(python(script, ONIC_LIB="", PYTHONPATH=str(self.folder / "alone")), str(library))

    def compiled(self, source, *options):
        if not shutil.which("cc"):
            self.skipTest("cc is not installed")
        (self.folder / "a.c").write_text(source)
        subprocess.run(["cc", "-Wall", "-Werror", str(self.folder / "a.c"), *options], check=True)

    def test_a_library_of_another_version_is_a_sentence(self):
        path = str(self.folder / "other.so")
        self.compiled('int onic_envs_abi(void) { return 7; } const char *onic_envs_version(void) { return "9.9.9"; }\n', "-shared", "-o", path)
        said = python(f"import gymnasium, onic; gymnasium.make('{KEYS}')", ONIC_LIB=path)
        self.assertIn("is of onic 9.9.9 and speaks version 7 of its interface", said)

    def test_a_gymnasium_that_is_too_old_for_vectors_is_a_sentence(self):
        script = "import gymnasium.vector, onic.envs; del gymnasium.vector.AutoresetMode; gymnasium.__version__ = '1.0.0'"  # it came with 1.1
        said = python(f"{script}; print(gymnasium.make('{KEYS}').reset(seed=1)[0]['direction']); onic.envs.OnicVectorEnv(num_envs=2)")
        self.assertEqual(said, "onic.errors.OnicError: vectors of onic's environments need gymnasium 1.1 or newer, this is 1.0.0: pip install -U gymnasium")

    def test_bad_arguments_are_sentences(self):
        with self.assertRaisesRegex(onic.OnicError, "did you mean|no environment|unknown"):
            self.made("onic/World-v0", world="minigrid:KeyCorridr")
        with self.assertRaisesRegex(onic.OnicError, "is no option of an environment"):
            self.made(options={"train.lr": 1})
        with self.assertRaisesRegex(onic.OnicError, "env.obz"):
            self.made(options={"env.obz": "image"})
        with self.assertRaisesRegex(onic.OnicError, "has no render_mode 'rgb_array'"):
            onic.envs.OnicEnv("tiles", render_mode="rgb_array")
        with self.assertRaisesRegex(onic.OnicError, "a vector has 1 to"):
            onic.envs.OnicVectorEnv(num_envs=0)

    def test_bad_actions_are_sentences(self):
        env = self.vector(autoreset_mode="Disabled")
        with self.assertRaisesRegex(onic.OnicError, "has not begun: reset it first"):
            env.step(np.zeros(4, int))
        env.reset(seed=1)
        with self.assertRaisesRegex(onic.OnicError, "environment 2 was given the action 7"):
            env.step(np.array([0, 1, 7, 0]))
        with self.assertRaisesRegex(onic.OnicError, "4 environments take 4 numbers as actions, not 3"):
            env.step(np.zeros(3, int))
        with self.assertRaisesRegex(onic.OnicError, "actions are whole numbers here"):
            env.step(np.zeros(4))
        with self.assertRaisesRegex(onic.OnicError, "4 environments take as many seeds, not 2"):
            env.reset(seed=[1, 2])
        env.close()
        with self.assertRaisesRegex(onic.OnicError, "the environment is closed"):
            env.unwrapped._worlds.step(np.zeros(4, np.int32), 1)

    def test_only_the_documented_names_are_shown_and_a_program_in_c_uses_them(self):
        listed = subprocess.run(["nm", "-D", "--defined-only", os.environ["ONIC_LIB"]], capture_output=True, text=True, check=True).stdout
        names = {line.split()[-1] for line in listed.splitlines()}
        self.assertTrue(all(name == "ONIC_ENV_1" or name.startswith("onic_envs_") for name in names), names)
        readme = (SOURCE / "actor/library/README.md").read_text()
        program = self.folder / "program"
        self.compiled(readme.split("```c\n")[1].split("```")[0], f"-I{SOURCE}/actor/library", f"-L{BUILD}", "-lonic_env", "-o", str(program))
        done = subprocess.run([program], capture_output=True, text=True, env={"LD_LIBRARY_PATH": str(BUILD)}, check=True)
        self.assertRegex(done.stdout, r"^\d+ episodes, \d+ captions\n$")
