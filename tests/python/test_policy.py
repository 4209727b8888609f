# SPDX-License-Identifier: MIT
"""onic.Policy says what the policy of C says, and what it refuses it refuses in one sentence."""

import re
import shutil
import time
import warnings

import numpy as np
import safetensors.numpy

import onic
import probe
from onic import checkpoint
from onic.layers import layer_norm
from support import SOURCE, OnicTest, onic as program, sealed

GOLDEN = SOURCE / "tests/golden/formats/checkpoint-1.safetensors"
MULTI, ARMS, SMALL = "multi 3,4", "continuous -2:2,0:5", "sensor float32[4]; picture uint8[4,5,3]; place uint8[3]"


def observed(policy, made, t):
    return {field.name: made[field.name][t] for field in policy.fields}


class Numbers(OnicTest):
    def compare(self, net, core, actions="7", options=(7,), steps=6, n=5, **more):
        """Steps of both with the same observations, actions, rewards and beginnings of episodes."""
        path = self.folder / "policy.safetensors"
        probe.new(path, net, core, actions=actions, **more)
        made = probe.steps(probe.describe(path), steps, n, seed=3, actions=options)
        wanted = probe.act(path, made)
        policy = onic.Policy(path)
        state = policy.initial_state(n)
        for t in range(steps):
            done = made["last_action"][t] if policy.action_space.parts > 1 else made["last_action"][t, :, 0]
            policy.remember(state, done, made["last_reward"][t])
            state[made["start"][t]] = 0
            out = policy.forward(observed(policy, made, t), state)
            # 1e-5, and where logits of hundreds come of sensors of thousands what float32 can tell apart
            for name, got in [("logits", out.logits), ("value", out.value), ("state", out.state)]:
                want = wanted[name][t]
                same = np.abs(got - want) <= np.maximum(1e-5, 1e-6 * np.abs(want))
                self.assertEqual(got.shape, want.shape)
                self.assertTrue(same.all(), f"{net} {core} {actions} {more}: {name} of step {t} differ by {np.abs(got - want).max(initial=0)}")
            state = out.state
        return policy

    def test_every_network_with_every_core_gives_the_logits_of_c(self):
        for net in probe.OBSERVATIONS:
            for core in probe.CORES:
                with self.subTest(net=net, core=core):
                    self.compare(net, core)

    def test_every_kind_of_action_gives_the_outputs_of_c(self):
        for actions, options in [("7", (7,)), ("7 masked", (7,)), (MULTI, (3, 4)), (MULTI + " masked", (3, 4)), (ARMS, None)]:
            for net, core in [("mlp", "lstm"), ("grid-small", "none")]:
                with self.subTest(actions=actions, net=net):
                    self.compare(net, core, actions, options)
        for deviation in ["free", "state"]:
            for squash in ["true", "false"]:
                policy = self.compare("mlp", "gru", ARMS, None, policy__deviation=deviation, policy__squash=squash)
                self.assertEqual((policy.network.state_deviation, policy.network.squash), (deviation == "state", squash == "true"))

    def test_the_step_before_is_seen_as_in_c(self):
        both = {"policy__last_action": "true", "policy__last_reward": "true"}
        for core in probe.CORES:
            with self.subTest(core=core):
                self.compare("mlp", core, **both)
                self.compare("mlp", core, MULTI, (3, 4), policy__last_action="true")
                self.compare("mlp", core, ARMS, None, **both)
        self.compare("grid-small", "lstm", policy__last_reward="true")
        self.compare("nethack-compact", "gru", **both, policy__layer_norm="true")

    def test_options_of_the_network_are_those_of_c(self):
        for core in probe.CORES:
            self.compare("mlp", core, policy__layer_norm="true")
        self.compare("mlp", "lstm", policy__obs_norm="true")
        self.compare("mlp", "none", observation=SMALL, policy__obs_norm="true")
        self.compare("mlp", "gru", observation="sensor float32[9]", policy__hidden="24", policy__core_size="16")
        self.compare("mlp", "gru", observation="place uint8[9]")
        for net in ["grid-small", "oni-default", "torchbeast"]:
            self.compare(net, "gru", compat__oni="true")
        for parts in ["map", "crop,status", "status,message-small", "message"]:
            self.compare("torchbeast", "none", policy__parts=parts)

    def test_pictures_are_read_as_in_c(self):
        for observation, options in [
            ("image uint8[48,40,3]", {}),
            ("frame uint8[3,40,40]; place uint8[3]; sensor float32[4]", {}),
            ("grey uint8[84,84]; codes uint8[20]; sensor float32[3]", {"policy__pixels_layers": "nature", "policy__obs_norm": "true"}),
            ("a uint8[20,20,2]; b uint8[20,20,1]; s int16[3]", {"policy__pixels_channels": "8"}),
        ]:
            with self.subTest(observation=observation):
                self.compare("pixels", "lstm", steps=2, n=3, observation=observation, **options)

    def test_many_observations_of_nethack_are_read_as_in_c(self):
        for net in ["nethack-compact", "torchbeast", "oni-default"]:
            self.compare(net, "none", steps=4, n=64)

    def test_one_observation_alone_is_a_batch_of_one(self):
        path = self.folder / "policy.safetensors"
        for net in ["grid-small", "mlp", "nethack-compact"]:
            probe.new(path, net, "lstm")
            policy = onic.Policy(path)
            made = probe.steps(probe.describe(path), 1, 3, seed=2, actions=[7])
            many = policy.forward(observed(policy, made, 0))
            for i in range(3):
                alone = policy.forward({f.name: made[f.name][0, i] for f in policy.fields})
                np.testing.assert_allclose(alone.logits, many.logits[i], atol=1e-5)
                self.assertEqual((alone.value.shape, alone.state.shape), ((2,), (policy.state_size,)))

    def test_numbers_of_other_types_are_taken_where_they_fit(self):
        path = self.folder / "policy.safetensors"
        probe.new(path, "grid-small", "none")
        policy = onic.Policy(path)
        image = np.arange(147).reshape(7, 7, 3) % 3
        first = policy.forward({"image": image.astype(np.uint8), "direction": np.uint8([2])}).logits
        np.testing.assert_array_equal(policy.forward({"image": image.tolist(), "direction": 2, "mission": "x"}).logits, first)
        with self.assertRaisesRegex(onic.OnicError, "the field image has values that are no uint8"):
            policy.forward({"image": image - 1, "direction": 2})
        with self.assertRaisesRegex(onic.OnicError, r"the field image has the shape \(7, 7\)"):
            policy.forward({"image": image[..., 0], "direction": 2})
        with self.assertRaisesRegex(onic.OnicError, "the observation lacks the field direction: this policy sees direction, image"):
            policy.forward({"image": image})
        with self.assertRaisesRegex(onic.OnicError, "an observation is a mapping with the fields"):
            policy.forward(image)

    def test_equal_features_are_normalised_to_the_bias(self):
        bias = np.arange(5, dtype=np.float32)
        np.testing.assert_array_equal(layer_norm(np.full((2, 5), 3, np.float32), np.ones(5, np.float32), bias), [bias, bias])

    def test_the_letters_of_the_package_are_those_of_c(self):
        text = (SOURCE / "common/policy/encoders/oni_default/glyph_atlas.inc").read_text()
        rows = [[int(n) for n in row.split(",")] for row in re.findall(r"\{([0-9,]+)\}", text)]
        np.testing.assert_array_equal(np.load(SOURCE / "deploy/python/onic/encoders/glyph_atlas.npy"), rows)


class Acting(OnicTest):
    def make(self, actions, observation="sensor float32[4]", **more):
        path = self.folder / "policy.safetensors"
        probe.new(path, "mlp", more.pop("core", "none"), actions=actions, observation=observation, **more)
        return onic.Policy(path, seed=5)

    def test_sampled_actions_have_the_distribution_of_the_logits(self):
        policy, n = self.make("4"), 40000
        sensor = np.array([0.3, -0.5, 1, 0.1], np.float32)
        logits = policy.forward(sensor).logits
        actions, _ = policy.act(np.tile(sensor, (n, 1)))
        wanted = np.exp(logits - logits.max())
        wanted /= wanted.sum()
        np.testing.assert_allclose(np.bincount(actions, minlength=4) / n, wanted, atol=4 * 0.5 / n**0.5)
        self.assertEqual(policy.act(sensor, greedy=True)[0], int(logits.argmax()))
        self.assertIsInstance(policy.act(sensor)[0], int)

    def test_what_a_mask_forbids_is_never_done(self):
        policy, sensor = self.make(MULTI + " masked"), np.zeros((2000, 4), np.float32)
        mask = np.array([0, 1, 1, 1, 0, 0, 1])
        actions, _ = policy.act(sensor, mask=mask)
        self.assertEqual(sorted(set(actions[:, 0])), [1, 2])
        self.assertEqual(sorted(set(actions[:, 1])), [0, 3])
        logits = policy.forward(sensor[0]).logits
        greedy, _ = policy.act(sensor[0], mask=mask, greedy=True)
        self.assertEqual(greedy.tolist(), [1 + logits[1:3].argmax(), 3 * int(logits[6] > logits[3])])
        with self.assertRaisesRegex(onic.OnicError, "are masked: pass mask="):
            policy.act(sensor)
        with self.assertRaisesRegex(onic.OnicError, r"the mask has the shape \(3,\), wanted is \(2000, 7\)"):
            policy.act(sensor, mask=[1, 1, 1])
        with self.assertRaisesRegex(onic.OnicError, "the mask leaves no option of choice 1"):
            policy.act(sensor, mask=[1, 1, 1, 0, 0, 0, 0])

    def test_numbers_are_in_the_bounds_of_the_environment(self):
        for squash in ["false", "true"]:
            policy = self.make(ARMS, policy__squash=squash)
            sensor = np.tile(np.array([0.1, 0.2, 0.3, -0.2], np.float32), (40000, 1))
            outputs = policy.forward(sensor[0]).logits
            actions, _ = policy.act(sensor)
            self.assertTrue(((actions >= [-2, 0]) & (actions <= [2, 5])).all())
            mean = np.tanh(outputs[:2]) if squash == "true" else np.clip(outputs[:2], -1, 1)
            np.testing.assert_allclose(policy.act(sensor[0], greedy=True)[0], [2 * mean[0], 2.5 * (mean[1] + 1)], atol=1e-5)
            middle = np.median(actions, axis=0)  # clamp and tanh leave medians where they are
            np.testing.assert_allclose(middle, [2 * mean[0], 2.5 * (mean[1] + 1)], atol=0.1)

    def test_numbers_are_spread_by_their_deviation_which_is_limited(self):
        policy = self.make(ARMS)
        policy._heads, policy._head_biases = policy._heads * 0, policy._head_biases * 0  # means in the middle
        policy.tensors["policy.log_deviation"] = np.float32([[-3, -9]])
        actions, _ = policy.act(np.zeros((40000, 4), np.float32))
        np.testing.assert_allclose(actions.std(axis=0) / [2, 2.5], np.exp([-3, -5]), rtol=0.03)

    def test_a_state_carries_the_step_before(self):
        for actions, parts in [("7", 1), (MULTI, 2), (ARMS, 2)]:
            policy = self.make(actions, core="gru", policy__last_action="true", policy__last_reward="true")
            sensor, state = np.ones((3, 4), np.float32), None
            action, state = policy.act(sensor, state)
            np.testing.assert_array_equal(state[:, -1], 0)
            by_hand = state.copy()
            policy.remember(by_hand, action, [2, -3, np.nan])
            np.testing.assert_allclose(by_hand[:, -1], [np.log(3), -np.log(4), 0], rtol=1e-6)
            noted = state[:, policy.core_state_size : -1]
            if actions != ARMS:
                np.testing.assert_array_equal(noted.sum(axis=1), parts)
            out = policy.forward(sensor, by_hand)
            again = policy.act(sensor, state, reward=[2, -3, np.nan])[1]
            np.testing.assert_allclose(again[:, : policy.core_state_size], out.state[:, : policy.core_state_size], atol=1e-6)
            with self.assertRaisesRegex(onic.OnicError, "sees the reward of the step before: pass reward="):
                policy.act(sensor, state)
            begun = policy.act(sensor, state, reward=[9, 9, 9], reset=[True, True, True])[1]
            first = policy.forward(sensor)
            np.testing.assert_allclose(begun[:, : policy.core_state_size], first.state[:, : policy.core_state_size], atol=1e-6)

    def test_the_state_that_was_given_is_left_alone(self):
        policy = self.make("7", core="lstm")
        state = policy.initial_state(2) + 1
        kept = state.copy()
        policy.act(np.ones((2, 4), np.float32), state, reset=[True, False])
        np.testing.assert_array_equal(state, kept)
        with self.assertRaisesRegex(onic.OnicError, "the state has the shape"):
            policy.act(np.ones((3, 4), np.float32), state)

    def test_keycorridor_is_played_fast(self):
        path = self.folder / "policy.safetensors"
        probe.new(path, "grid-small", "lstm")
        policy, n, acts, start = onic.Policy(path, seed=1), 64, 0, time.process_time()
        made, state = probe.steps(probe.describe(path), 1, n, seed=1, actions=[7]), policy.initial_state(n)
        while time.process_time() < start + 0.5:
            _, state = policy.act(observed(policy, made, 0), state)
            acts += n
        self.assertGreater(acts / (time.process_time() - start), 5000)

    def test_a_seed_gives_the_same_actions(self):
        first, second = self.make("7"), self.make("7")
        sensor = np.ones((50, 4), np.float32)
        np.testing.assert_array_equal(first.act(sensor)[0], second.act(sensor)[0])


class Files(OnicTest):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "ckpt.safetensors"
        probe.new(self.path, "grid-small", "lstm")

    def test_tensors_are_those_that_the_published_package_reads(self):
        for path in [self.path, GOLDEN]:
            ours, theirs = checkpoint.read(path).tensors, safetensors.numpy.load_file(path)
            self.assertEqual(set(ours), set(theirs))
            for name, values in theirs.items():
                np.testing.assert_array_equal(ours[name], values, err_msg=name)
        self.assertEqual(checkpoint.read(self.path).facts["env_steps"], "3456")

    def test_a_checkpoint_of_the_first_format_is_played(self):
        self.assertGreater(onic.Policy(GOLDEN).env_steps, 0)

    def test_what_was_trained_where_is_told(self):
        policy = onic.Policy(self.path)
        self.assertEqual((policy.env_id, policy.weights_version, policy.env_steps), ("probe:world", 12, 3456))
        self.assertEqual((policy.network.net, policy.network.core, policy.state_size), ("grid-small", "lstm", 128))
        self.assertIn("probe:world grid-small lstm 64", repr(policy))

    def test_any_flipped_bit_and_any_cut_is_named(self):
        data = self.path.read_bytes()
        random = np.random.default_rng(1)
        for at in [*range(0, 60), *random.integers(60, len(data), 40)]:
            broken = bytearray(data)
            broken[at] ^= 1 << int(random.integers(8))
            self.path.write_bytes(broken)
            with self.assertRaisesRegex(onic.OnicError, "is damaged|is no checkpoint of onic"):
                onic.Policy(self.path)
        for size in [0, 7, 8, 100, len(data) // 2, len(data) - 1]:
            self.path.write_bytes(data[:size])
            with self.assertRaisesRegex(onic.OnicError, "is damaged|is no checkpoint of onic"):
                onic.Policy(self.path)

    def test_a_header_that_is_nested_without_end_is_damage(self):
        header = b'{"onic.xxh3":"' + b"0" * 32 + b'","deep":' + b"[" * 100000
        self.path.write_bytes(sealed(len(header).to_bytes(8, "little") + header))
        with self.assertRaisesRegex(onic.OnicError, "is damaged|is no checkpoint of onic"):
            onic.Policy(self.path)

    def test_another_format_is_named_with_its_number(self):
        self.path.write_bytes(sealed(self.path.read_bytes().replace(b'"onic.format":"1"', b'"onic.format":"2"')))
        with self.assertRaisesRegex(onic.OnicError, f"of format 2, and this package \\(onic {onic.__version__}\\) reads format 1"):
            onic.Policy(self.path)

    def test_a_network_of_a_newer_onic_is_named(self):
        for old, new, sentence in [
            (b"net grid-small", b"net pixels-new", "this package has no network pixels-new, only grid-small"),
            (b"core lstm 64", b"core LSTM 64", "this package has no core LSTM, only none"),
            (b"actions 7;", b"actionz 7;", "is not one that this package knows"),
            (b"grid.w2 [64,64]", b"grid.w2 [64,63]", "lacks policy/grid.w2 of 64 x 63"),
        ]:
            data = self.path.read_bytes()
            self.assertIn(old, data)
            changed = self.folder / "changed.safetensors"
            changed.write_bytes(sealed(data.replace(old, new)))
            with self.assertRaisesRegex(onic.OnicError, sentence):
                onic.Policy(changed)

    def test_what_is_no_checkpoint_is_one_sentence(self):
        other = self.folder / "other.safetensors"
        safetensors.numpy.save_file({"x": np.zeros(100)}, other)
        for path, sentence in [
            (other, "is no checkpoint of onic"),
            (self.folder / "none", "does not exist; a run directory or a checkpoint is wanted"),
            (self.folder, "has no checkpoint: no RUN/checkpoints"),
        ]:
            with self.assertRaisesRegex(onic.OnicError, sentence):
                onic.Policy(path)


class Runs(OnicTest):
    def test_the_newest_whole_checkpoint_of_a_run_is_taken(self):
        run = self.folder / "run"
        program("train", "--env.id=corridor", f"--run-dir={run}", "--frames=5000", "--reward.model=none", "--dashboard.listen=off")
        program("train", f"--run-dir={run}", "--frames=10000")
        policy = onic.load(run).policy()
        self.assertEqual(policy.env_id, "corridor")
        self.assertGreaterEqual(policy.env_steps, 10000)
        newest = policy.checkpoint.path
        data = bytearray(newest.read_bytes())
        data[len(data) // 2] ^= 4
        newest.write_bytes(data)
        with self.assertWarnsRegex(UserWarning, f"{newest.name} is damaged: .* is taken instead"):
            self.assertLess(onic.Policy(run).env_steps, 10000)
        newest.unlink()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            onic.Policy(run)
        shutil.copy(run / "checkpoints" / sorted(p.name for p in (run / "checkpoints").glob("ckpt-*"))[0], newest)
        (run / "run_id").write_text("0" * 32 + "\n")
        with self.assertRaisesRegex(onic.OnicError, "is of another run than"):
            onic.Policy(run)
