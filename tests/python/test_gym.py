# SPDX-License-Identifier: MIT
"""Environments of the real gymnasium and minigrid under the real programs: equal to the package, and harmless when they go wrong."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from unittest import mock

import gymnasium
import minigrid  # noqa: F401 - registers its environments
import numpy as np

from onic.worker import Worker

from gym_support import BAD, HERE, PYTHON, GymTest, children_of, trace
from support import BUILD, SOURCE, OnicTest, onic


def strange(name, steps=6, options=(), **how):
    return trace(f"gym:strange_worlds:{name}-v0", [1] * steps, *options, **how)


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


class SameAsThePackage(OnicTest):
    def compare(self, name, module="", steps=300, fields=None):
        env = gymnasium.make(name, disable_env_checker=True)
        rng = np.random.default_rng(3)
        actions, rows = [], []
        obs, _ = env.reset(seed=1)
        rows.append((obs, 0.0, False, False))
        while len(actions) < steps:
            mask = env.unwrapped.action_mask(env.unwrapped.s) if hasattr(env.unwrapped, "action_mask") else None
            action = int(rng.choice(np.flatnonzero(mask) if mask is not None else env.action_space.n))
            actions.append(action)
            rows.append(env.step(action)[:4])
            if rows[-1][2] or rows[-1][3]:
                rows.append((env.reset()[0], 0.0, False, False))
        got, _, _ = trace(f"gym:{module}{':' if module else ''}{name}", actions)
        self.assertEqual(len(got), len(rows))
        for line, (obs, reward, terminated, truncated) in zip(got, rows):
            self.assertEqual((line["reward"], line["terminated"], line["truncated"]), (reward, terminated, truncated))
            obs = obs if isinstance(obs, dict) else {"state": obs}
            for key, values in line["obs"].items():
                np.testing.assert_array_equal(np.float32(np.ravel(values)), np.float32(np.ravel(obs[key])))

    def test_cartpole(self):
        self.compare("CartPole-v1")

    def test_numbers_masks_and_tables(self):
        self.compare("MountainCar-v0")
        self.compare("FrozenLake-v1")
        self.compare("Taxi-v3")

    def test_minigrid(self):
        self.compare("MiniGrid-KeyCorridorS3R3-v0", "minigrid")

    def test_minigrid_is_the_one_in_c(self):
        actions = np.random.default_rng(1).integers(0, 7, 400).tolist()
        a, _, _ = trace("gym:minigrid:MiniGrid-DoorKey-5x5-v0", actions, seed=7)
        b, _, _ = trace("minigrid:DoorKey-5x5", actions, seed=7)
        for x, y in zip(a, b, strict=True):
            for key in ("image", "direction"):
                self.assertEqual(x["obs"][key], y["obs"][key])
            self.assertEqual((x["reward"], x["terminated"], x["truncated"]), (y["reward"], y["terminated"], y["truncated"]))

    def test_actions_that_are_numbers(self):
        env = gymnasium.make("Pendulum-v1")
        env.reset(seed=1)
        got, _, _ = trace("gym:Pendulum-v1", [0.5, -2, 1.25])
        for line, action in zip(got[1:], [0.5, -2, 1.25]):
            obs, reward, *_ = env.step(np.array([action], np.float32))
            np.testing.assert_allclose(line["obs"]["state"], obs, rtol=1e-6)
            self.assertAlmostEqual(line["reward"], float(reward), places=6)

    def test_the_suite_of_all_environments(self):
        for which in ("gym", "gym:strange_worlds:Everything-v0", "gym:strange_worlds:Pictures-v0"):
            done = subprocess.run(
                [BUILD / "tests/t-conformance-envs", which], env={**os.environ, "ONIC_GYM_PYTHON": sys.executable}, cwd=HERE, capture_output=True, text=True
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotIn("skipped", done.stdout)


class Spaces(OnicTest):
    def test_every_space_becomes_named_fields(self):
        described = onic("env", "describe", "gym:strange_worlds:Everything-v0", PYTHON, cwd=HERE).stdout
        self.assertIn("dice uint8[2]; far int16[1]; inner_flags uint8[3]; inner_pair_part0 uint8[1]; inner_pair_part1 float32[1];", described)
        self.assertIn("picture uint8[4,5,3]; place uint8[1]", described)
        self.assertIn("2 choices at once (masked", described)
        got, _, _ = trace("gym:strange_worlds:Everything-v0", [1, 0, 1, 2] * 2)
        self.assertEqual(got[1]["obs"]["dice"], [2, 6])
        self.assertEqual(got[1]["obs"]["picture"], [1] * 60)
        self.assertEqual((got[1]["obs"]["place"], got[1]["obs"]["far"], got[1]["obs"]["inner_pair_part0"]), ([2], [998], [1]))
        self.assertEqual((got[1]["message"], got[2]["message"]), ("You stand at 1.", ""))
        self.assertEqual(got[3]["mask"], [0, 1, 1, 0, 1])

    def test_pictures_have_the_network_for_them(self):
        pictures = {"pixels": [[96, 96, 3], [4, 84, 84], [84, 84], [32, 40, 1]], "mlp": [[7, 7, 3], [24, 80], [4, 16, 16]]}
        for net, shapes in pictures.items():
            for shape in shapes:
                said = onic("env", "describe", "gym:strange_worlds:Pictures-v0", PYTHON, f"--plugin.shape={shape}".replace(" ", ""), cwd=HERE).stdout
                self.assertRegex(said, rf"network: +{net}\n", shape)

    def test_the_network_for_pictures_where_it_takes_them_all(self):
        rgb, codes = "rgb=Box(0,255,(64,64,3),np.uint8)", "codes=Box(0,10,(7,7,3),np.uint8)"
        for net, fields, options in (
            ("pixels", f"{rgb},place=Discrete(9),speed=Box(-1,1,(2,))", ()),
            ("pixels", f"{rgb},more=Box(0,255,(64,64,1),np.uint8)", ()),
            ("mlp", f"{rgb},depth=Box(0,9,(64,64,1))", ()),
            ("pixels", f"{rgb},depth=Box(0,9,(64,64,1))", ("--env.obs=rgb",)),
            ("mlp", f"{rgb},small=Box(0,255,(32,32,3),np.uint8)", ()),
            ("mlp", f"grey=Box(0,255,(64,64),np.uint8),{codes}", ()),
            ("mlp", "large=Box(0,255,(300,300,3),np.uint8)", ()),
        ):
            said = onic("env", "describe", "gym:strange_worlds:Given-v0", PYTHON, f"--plugin.seen=Dict({fields})", *options, cwd=HERE).stdout
            self.assertRegex(said, rf"network: +{net}\n", fields)

    def test_a_limit_that_is_none(self):
        for name, options, limit in (
            ("Endless", [], "none"), ("Endless", ["--plugin.limit=1000000000000"], "none"), ("Endless", ["--plugin.limit=77"], "77"), ("Long", [], "none"),
        ):  # fmt: skip
            said = onic("env", "describe", f"gym:strange_worlds:{name}-v0", PYTHON, *options, cwd=HERE).stdout
            self.assertRegex(said, rf"step limit: +{limit}\n", (name, options))

    def test_a_way_to_be_shown_that_is_declared_and_not_taken(self):
        got, _, _ = strange("NoMode", steps=2)
        self.assertEqual(len(got), 3)
        _, errors, code = strange("NoMode", steps=2, options=("--plugin.render_mode=ansi",), check=False)
        self.assertEqual(code, BAD)
        self.assertIn("unexpected keyword argument 'render_mode'", errors)

    def test_too_many_names_are_none(self):
        described = onic("env", "describe", "gym:strange_worlds:ManyNames-v0", PYTHON, cwd=HERE).stdout
        self.assertIn("1000", described)
        self.assertNotIn("a_rather_long_name", described)

    def test_options_hide_no_path(self):
        for hidden in ('"\\u002fetc\\u002fhostname"', '["\\u002e."]', '{"a": {"\\u007e": 1}}'):
            _, errors, code = trace("gym:strange_worlds:Plain-v0", [1], f"--plugin.far={hidden}", check=False)
            self.assertEqual(code, BAD, errors)
            self.assertIn("the option far hides a path behind escapes", errors)

    def test_options_reach_the_environment(self):
        got, _, _ = trace("gym:strange_worlds:Plain-v0", [1] * 2, "--plugin.far=2")
        self.assertEqual([line["terminated"] for line in got[:3]], [False, False, True])

    def test_a_world_that_resets_itself_is_not_reset_twice(self):
        itself, _, _ = strange("Again", steps=40)
        plain, _, _ = strange("Plain", steps=40)
        self.assertEqual(itself, plain)
        self.assertGreater(sum(line["terminated"] for line in plain), 2)

    def test_a_step_limit_of_ours(self):
        got, _, _ = trace("gym:CartPole-v1", [0, 1] * 3, "--env.max_steps=3")
        self.assertEqual([line["truncated"] for line in got[:4]], [False, False, False, True])


class GoesWrong(OnicTest):
    def broken(self, name, why, **how):
        got, errors, _ = strange(name, **how)
        self.assertTrue(got[3].get("failed"), got)
        self.assertIn(why, got[3]["fault"])
        self.assertNotIn("failed", got[4])  # the next episode has begun
        return errors

    def test_an_exception_breaks_the_episode(self):
        errors = self.broken("Raises", "ValueError: the world has a hole (strange_worlds.py:")
        self.assertIn("in wrong", errors)  # the traceback, in the log

    def test_an_exit_does_too(self):
        self.broken("Leaves", "SystemExit: 3")

    def test_a_death_does_and_the_process_comes_back(self):
        errors = self.broken("Dies", "was killed by signal 9 (Killed); it last said: now it comes")
        self.assertIn("started again", errors)

    def test_a_step_without_end_does(self):
        got, _, _ = trace("gym:strange_worlds:Hangs-v0", [1] * 6, "--actors.step_timeout_s=3")
        self.assertIn("gave no answer for 2 s (File", got[3]["fault"])
        self.assertIn("strange_worlds.py", got[3]["fault"])

    def test_memory_is_looked_at_within_an_episode(self):
        got, _, _ = strange("Swells", steps=4)
        self.assertNotIn("failed", got[3])
        got, _, _ = trace("gym:strange_worlds:Swells-v0", [1] * 4, "--gym.memory_mb=200", "--actors.step_timeout_s=100")
        self.assertIn("gym.memory_mb allows 200", got[3]["fault"])

    def test_a_picture_that_exits_costs_nothing(self):
        class Exits:
            def picture(self):
                sys.exit("no paper left")

        worker = object.__new__(Worker)
        worker.forked, worker.rows = False, {0: Exits()}
        self.assertIn("(no picture: SystemExit: no paper left", worker.picture(0))

    def test_another_shape_does(self):
        self.broken("OtherShape", "the field 'state' has the shape [3], its space says [2]")

    def test_what_is_not_in_its_space_does(self):
        self.broken("OtherKind", "the field 'state' holds float64, its space says int64")
        self.broken("Counted", "the field 'state' is 100, its space says 0 to 99")

    def test_a_mask_of_another_length_does(self):
        self.broken("ShortMask", "info['action_mask'] has 1 elements for 2 options")

    def test_what_it_prints_is_in_the_log(self):
        got, errors, _ = strange("Prints")
        self.assertFalse(any(line.get("failed") for line in got))
        for said in ("hello from the world", "hello from below"):
            self.assertIn(f'line="{said}"', errors)
        self.assertRegex(errors, r'line="(far )+(f|fa|far)?"')
        self.assertLess(len(max(errors.splitlines(), key=len)), 1000)

    def test_what_it_prints_without_end_is_not(self):
        got, errors, _ = strange("Chatters")
        self.assertFalse(any(line.get("failed") for line in got))
        self.assertEqual(errors.count(" of the world ___"), 60, errors)  # a minute

    def test_a_fork_is_harmless(self):
        children = self.folder / "children"
        got, _, _ = strange("Forks", steps=40, surroundings={"STRANGE_CHILDREN": str(children)})
        plain, _, _ = strange("Plain", steps=40)
        self.assertEqual(got, plain)
        born = children.read_text().split()
        self.assertGreater(len(born), 3)  # forked in a step, and started at each reset
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in born))

    def test_deaths_without_end_are_the_end(self):
        _, errors, code = trace("gym:strange_worlds:Dies-v0", [1, 1, 1, 1], "--gym.restarts=1", check=False)
        self.assertEqual(code, BAD, errors)
        self.assertIn("the environment must be mended", errors)

    def test_a_start_that_fails_is_a_death_and_tried_again(self):
        env = "gym:late_worlds:Dies-v0"
        got, errors, _ = trace(env, [1] * 6, **self.lives("live die live"))
        self.assertNotIn("failed", got[4])
        self.assertEqual(errors.count("is started again"), 2, errors)
        _, errors, code = trace(env, [1] * 6, "--gym.restarts=3", check=False, **self.lives("live die die die live"))
        self.assertEqual(code, BAD, errors)
        self.assertIn("death 3 in a row (gym.restarts): the environment must be mended", errors)
        _, errors, code = trace(env, [1] * 6, check=False, **self.lives("live refuse live"))
        self.assertEqual(code, BAD, errors)
        self.assertIn("no more worlds", errors)

    def test_a_later_life_need_not_find_out_what_the_first_did(self):
        faults = self.folder / "faults"
        for first, second in (("tell", "live"), ("live", "tell")):
            lives = self.lives(f"{first} {second}")["surroundings"]
            faults.write_text("die")
            got, errors, _ = trace("gym:late_worlds:Successes-v0", [1] * 6, surroundings={**lives, "STRANGE_FAULTS": str(faults)})
            self.assertTrue(got[3]["failed"])
            self.assertNotIn("failed", got[4])
            self.assertEqual(errors.count("is started again"), 1, errors)

    def lives(self, what):
        """For late_worlds.py: what each of its lives does when it is imported."""
        lives = self.folder / "lives"
        lives.write_text(what)
        return {"surroundings": {"LATE_WORLDS": str(lives)}}


class Told(GymTest):
    """What an environment says of itself by what it does."""

    def success(self, name):
        return re.search(r"success: +(.*)", onic("env", "describe", f"gym:strange_worlds:{name}-v0", PYTHON, cwd=HERE).stdout)[1]

    def test_what_comes_at_the_end_of_an_episode_is_found(self):
        self.assertEqual(self.success("Tells"), "yes, reported at the end of an episode")
        goal = SOURCE / "deploy/goals/corridor/corridor.yaml"
        said = self.train("--env.id=gym:strange_worlds:Tells-v0", f"--annotator.goal={goal}", "--annotator.id=rules")
        self.assertNotIn("language feedback is off", said)
        metrics = [json.loads(line) for line in (self.folder / "run/metrics.jsonl").read_text().splitlines()]
        self.assertTrue(0 <= [line["policy_stats/success_rate"] for line in metrics if "policy_stats/success_rate" in line][-1] <= 1)

    def test_what_comes_later_still_is_said_once(self):
        self.assertEqual(self.success("TellsLate"), "not defined")
        _, errors, _ = strange("TellsLate", steps=80)
        for key, so in (("caption", "language feedback is off unless"), ("is_success", "there is no success rate"), ("action_mask", "it is not heeded")):
            self.assertEqual(errors.count(f'info[\\"{key}\\"] was not there when the environment was tried, and so {so}'), 1, errors)

    def test_a_slow_one_is_not_tried_for_long(self):
        self.assertEqual(self.success("TellsSlowly"), "not defined")

    def test_one_that_breaks_while_it_is_tried_is_played(self):
        got, _, _ = strange("BreaksEarly", steps=8)
        self.assertFalse(any(line.get("failed") for line in got))
        self.assertEqual(self.success("BreaksEarly"), "not defined")

    def test_that_one_process_has_found_it_and_another_has_not_stops_nobody(self):
        """The learner asks what is played, and its actor plays it: two processes, and a third when the run is resumed."""
        lives = self.folder / "lives"
        lives.write_text("tell tell")
        checkpoints = self.folder / "run/checkpoints"
        with mock.patch.dict(os.environ, LATE_WORLDS=str(lives)):
            for frames, told in ((3000, b"success: yes\n"), (6000, b"success: no\n")):
                self.train("--env.id=gym:late_worlds:Successes-v0", "--reward.model=none", frames=frames)
                newest = max(checkpoints.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
                self.assertIn(told, newest.read_bytes())


class WhoseModules(GymTest):
    def test_a_checkpoint_imports_no_module(self):
        said = self.train("--env.id=gym:strange_worlds:Plain-v0", "--reward.model=none", "--replay.every_episodes=5")
        run = str(self.folder / "run")
        self.assertIn(f"eval {run} {PYTHON} --gym.modules=strange_worlds` measures it", said)
        for command in (["eval", run, "--episodes=2"], ["play", run, "--episodes=1"], ["replay", run]):
            done = onic(*command, PYTHON, cwd=HERE, check=False)
            self.assertEqual(done.returncode, BAD, (command, done.stderr))
            self.assertIn("give --gym.modules=strange_worlds", done.stderr)
            onic(*command, PYTHON, "--gym.modules=strange_worlds", cwd=HERE)
        onic("eval", run, "--episodes=2", PYTHON, "--env.id=gym:strange_worlds:Plain-v0", cwd=HERE)  # the user's own word


class Bench(OnicTest):
    def test_each_picture_is_another_one(self):
        described = onic("env", "describe", "gym:onic.slow_worlds:Pictures100-v0", PYTHON).stdout
        self.assertIn("uint8[84,84,4]", described)
        got, _, _ = trace("gym:onic.slow_worlds:Pictures100-v0", [1] * 9)
        seen = [line["obs"]["image"] for line in got]
        self.assertEqual([set(picture) for picture in seen[1:9]], [{i} for i in (1, 2, 3, 4, 5, 6, 7, 0)])

    def test_the_bridge_is_measured(self):
        """And executes nothing of the folder that it is measured in."""
        (self.folder / "numpy.py").write_text("raise SystemExit('owned')\n")
        surroundings = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
        rows = {}
        for name, us in (("B-gym", 1), ("B-gym-100us", 100), ("B-gym-300us", 300), ("B-gym-pixels", 100)):
            if name not in rows:  # names that begin so; on a busy machine the minute ends before them
                command = [BUILD / "onic", "bench", f"--only={name}", "--quick", "--json=-"]
                done = subprocess.run(command, cwd=self.folder, env=surroundings, capture_output=True, text=True, timeout=120)
                self.assertEqual(done.returncode, 0, done.stderr)
                rows.update({row["name"]: row for row in json.loads(done.stdout)["results"]})
            bridge, alone = rows[name]["value"], rows[name]["value"] * rows[name]["ratio"]
            self.assertGreaterEqual(bridge, us)
            self.assertGreaterEqual(alone, 0.9 * us)
            self.assertLess(bridge, 5 * alone + 3000)  # so much a busy machine may make of it; one that sleeps 10 ms is not the machine


class Processes(OnicTest):
    """An actor and its workers: who ends with whom."""

    def begin(self, *options, env="gym:strange_worlds:Plain-v0"):
        learner = subprocess.Popen(
            [
                BUILD / "onic-learner", f"--env.id={env}", f"--run.dir={self.folder}/run", f"--listen=ipc://{self.folder}/l",
                "--reward.model=none", "--dashboard.listen=off", PYTHON, *options,
            ], cwd=HERE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(self.end, learner)
        wait_until(lambda: (self.folder / "l").exists())
        return learner

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def actor(self, *options, python=(PYTHON,), surroundings={}):
        process = subprocess.Popen(
            [BUILD / "onic-actor", f"--learner=ipc://{self.folder}/l", *python, *options],
            cwd=HERE, stderr=subprocess.PIPE, text=True, env={**os.environ, **surroundings},
        )  # fmt: skip
        self.addCleanup(self.end, process)
        return process

    def test_a_welcome_imports_no_module(self):
        self.begin()
        stranger = self.actor()
        _, said = stranger.communicate(timeout=60)
        self.assertEqual(stranger.returncode, BAD, said)
        self.assertIn("give --gym.modules=strange_worlds", said)

    def test_a_welcome_names_no_interpreter(self):
        self.begin()  # its gym.python has all packages
        bare = self.folder / "bare"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
        stranger = self.actor("--gym.modules=strange_worlds", python=(), surroundings={"PATH": f"{bare}/bin:{os.environ['PATH']}"})
        _, said = stranger.communicate(timeout=60)
        self.assertEqual(stranger.returncode, BAD, said)
        self.assertIn(f"{bare}/bin/python3 cannot import numpy", said)

    def test_kills_leave_nobody_behind(self):
        self.begin("--gym.workers=2")
        actor = self.actor("--gym.modules=strange_worlds")
        wait_until(lambda: len(children_of(actor.pid)) == 2)
        first = set(children_of(actor.pid))
        for _ in range(2):
            before = set(children_of(actor.pid))
            os.kill(min(before), signal.SIGKILL)  # another one takes its place, and none is a zombie
            wait_until(lambda: len(now := children_of(actor.pid)) == 2 and set(now) != before and "Z" not in now.values())
        os.kill(actor.pid, signal.SIGKILL)
        last = set(children_of(actor.pid)) | first
        actor.wait()
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in last))

    def test_a_slow_start_is_no_hung_step(self):
        self.begin("--gym.modules=late_worlds", env="gym:late_worlds:Plain-v0")
        lives = self.folder / "lives"
        lives.write_text("live sleep")
        actor = self.actor("--gym.modules=late_worlds", "--actors.step_timeout_s=2", surroundings={"LATE_WORLDS": str(lives)})
        wait_until(lambda: len(children_of(actor.pid)) == 1 and not lives.read_text().startswith("live"))
        time.sleep(1)
        os.kill(next(iter(children_of(actor.pid))), signal.SIGKILL)
        wait_until(lambda: actor.poll() is not None or lives.read_text() == "slept")
        self.assertIsNone(actor.poll())

    def test_a_drain_ends_them(self):
        self.begin()
        actor = self.actor("--gym.modules=strange_worlds")
        wait_until(lambda: len(children_of(actor.pid)) == 1)
        worker = next(iter(children_of(actor.pid)))
        actor.send_signal(signal.SIGTERM)
        _, said = actor.communicate(timeout=60)
        self.assertEqual(actor.returncode, 0, said)
        self.assertFalse(pathlib.Path(f"/proc/{worker}").exists())
