# SPDX-License-Identifier: MIT
"""`onic export --onnx`: models that the published checker accepts and that say in onnxruntime what the policy of C says."""

import re

import numpy as np
import onnx
import onnxruntime
import safetensors.numpy

import probe
from support import SOURCE, OnicTest, onic, sealed

STEPS, BATCH = 4, 5


def session(path):
    """onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def play(model, steps):
    """Each output [T, ...] over the steps, the state carried on."""
    inputs = {i.name: i for i in model.get_inputs()}
    outputs = [o.name for o in model.get_outputs()]
    batch = len(steps["start"][0])
    state = {name: np.full((batch, inputs[name].shape[1]), 9, np.float32) for name in ("h", "c") if name in inputs}
    said = []
    for t in range(len(steps["start"])):
        feed = {name: values[t] for name, values in steps.items() if name in inputs}
        if inputs.get("last_action") and inputs["last_action"].type == "tensor(int64)":
            feed["last_action"] = feed["last_action"].astype(np.int64)
        said.append(dict(zip(outputs, model.run(outputs, feed | state))))
        state = {name: said[-1][f"{name}_out"] for name in state}
    return {name: np.stack([one[name] for one in said]) for name in outputs}


class Export(OnicTest):
    def exported(self, checkpoint, *options):
        file = self.folder / "model.onnx"
        onic("export", checkpoint, f"--onnx={file}", "--force", *options)
        onnx.checker.check_model(str(file), full_check=True)
        return file

    def assert_equal_outputs(self, got, want, what):
        """1e-5 of the larger of 1 and the largest number that is compared."""
        self.assertEqual(got.shape, want.shape, what)
        self.assertTrue(np.isfinite(got).all(), what)
        self.assertLess(np.abs(got - want).max(), 1e-5 * max(1, np.abs(want).max()), what)

    def says_what_c_says(self, net, core, actions="7", options=None, parts=(7,), observation=None):
        """parts: options of each choice, None for numbers."""
        checkpoint = self.folder / "policy.safetensors"
        probe.new(checkpoint, net, core, actions, observation, **(options or {}))
        steps = probe.steps(probe.describe(checkpoint), STEPS, BATCH, seed=3, actions=parts)
        want, got = probe.act(checkpoint, steps), play(session(self.exported(checkpoint)), steps)
        if parts is None:
            n = want["logits"].shape[-1] // 2
            self.assert_equal_outputs(got["mean"], want["logits"][..., :n], "mean")
            self.assert_equal_outputs(got["log_std"], want["logits"][..., n:].clip(-5, 2), "log_std")
        else:
            self.assert_equal_outputs(got["logits"], want["logits"], "logits")
        if "value" in got:
            self.assert_equal_outputs(got["value"], want["value"][..., 0], "value")
        else:
            self.assert_equal_outputs(got["value_ext"], want["value"][..., 0], "value_ext")
            self.assert_equal_outputs(got["value_int"], want["value"][..., 1], "value_int")
        state = [got[name] for name in ("h_out", "c_out") if name in got]
        if state:
            own = np.concatenate(state, -1)
            self.assert_equal_outputs(own, want["state"][..., : own.shape[-1]], "state")
        return got

    def test_every_network_has_a_form(self):
        """A new line of encoders.def needs one in deploy/onnx and an observation in probe.py."""
        text = (SOURCE / "common/policy/encoders.def").read_text()
        nets = {name.replace("_", "-") for name in re.findall(r"^ENCODER\((\w+)\)", text, re.M)}
        self.assertEqual(nets, set(probe.OBSERVATIONS))

    def test_every_network_with_every_core(self):
        for net in probe.OBSERVATIONS:
            for core in probe.CORES:
                with self.subTest(net=net, core=core):
                    self.says_what_c_says(net, core)

    def test_every_kind_of_action(self):
        for actions, parts, options in [
            ("multi 3,2,4", (3, 2, 4), {}),
            ("7 masked", (7,), {}),
            ("continuous -2:2,0:1", None, {"policy__deviation": "free"}),
            ("continuous -2:2,0:1,5:9", None, {"policy__deviation": "state"}),
        ]:
            with self.subTest(actions=actions):
                self.says_what_c_says("mlp", "lstm", actions, options, parts)

    def test_the_step_before_is_an_input(self):
        both = {"policy__last_action": "true", "policy__last_reward": "true"}
        for core in probe.CORES:
            for actions, parts in [("7", (7,)), ("multi 3,2", (3, 2)), ("continuous -2:2,0:1", None)]:
                with self.subTest(core=core, actions=actions):
                    self.says_what_c_says("grid-small", core, actions, both, parts)

    def test_options_of_networks(self):
        for net, options in [
            ("mlp", {"policy__obs_norm": "true", "policy__layer_norm": "true"}),
            ("oni-default", {"compat__oni": "true"}),
            ("torchbeast", {"compat__oni": "true"}),
            ("torchbeast", {"policy__parts": "message-small,crop"}),
            ("torchbeast", {"policy__parts": "status,map"}),
            ("nethack-compact", {"policy__hidden": "30", "policy__core_size": "12"}),
            ("pixels", {"policy__pixels_layers": "nature", "policy__obs_norm": "true"}),
            ("pixels", {"policy__pixels_channels": "5"}),
        ]:
            with self.subTest(net=net, options=options):
                self.says_what_c_says(net, "gru", options=options)

    def test_other_fields(self):
        for net, observation in [
            ("grid-small", "image uint8[5,6,3]"),
            ("mlp", "place uint8[3]"),
            ("mlp", "sensor float32[4]"),
            ("nethack-compact", probe.OBSERVATIONS["nethack-compact"] + "; more uint8[4]"),
            ("pixels", "screen uint8[16,50]"),
            ("pixels", "stack uint8[4,84,84]"),
        ]:
            with self.subTest(net=net, observation=observation):
                self.says_what_c_says(net, "mingru", observation=observation)

    def test_fields_that_are_called_as_something_of_the_model(self):
        """Their names are keys of the user's dicts."""
        own = ["start", "h", "c", "last_action", "last_reward", "h_out", "c_out", "logits", "mean", "log_std", "value", "value_ext", "value_int"]
        observation = "; ".join(f"{name} float32[1]" for name in [*own, "obs_start", "core.w_x", "core_w_x"])
        called = {f"obs_{name}": name for name in own} | {"obs_obs_start": "start", "obs_start": "obs_start", "obs_core_w_x": "core.w_x", "core_w_x": "core_w_x"}
        options = {"policy__last_action": "true", "policy__last_reward": "true"}
        for actions, parts, output in [("7", (7,), "logits"), ("continuous -2:2,0:1", None, "mean")]:
            with self.subTest(actions=actions):
                checkpoint = self.folder / "policy.safetensors"
                probe.new(checkpoint, "mlp", "lstm", actions, observation, **options)
                steps = probe.steps(probe.describe(checkpoint), STEPS, BATCH, seed=7, actions=parts)
                file = self.exported(checkpoint)
                inputs = {i.name: i.doc_string for i in onnx.load(file).graph.input}
                self.assertEqual(set(inputs), set(called) | {"start", "h", "c", "last_action", "last_reward"})
                self.assertEqual(inputs["obs_obs_start"], "the field start of the observation, as the environment gives it")
                want = probe.act(checkpoint, steps)["logits"]
                steps = {name: steps[name] for name in ("start", "last_action", "last_reward")} | {name: steps[probe.key_of(f)] for name, f in called.items()}
                got = play(session(file), steps)[output]
                self.assert_equal_outputs(got, want[..., : got.shape[-1]], output)

    def test_every_set_of_operators(self):
        checkpoint = self.folder / "policy.safetensors"
        probe.new(checkpoint, "nethack-compact", "lstm", policy__layer_norm="true")
        steps = probe.steps(probe.describe(checkpoint), 2, 3, seed=4, actions=(7,))
        want = probe.act(checkpoint, steps)
        for opset in range(17, 22):
            with self.subTest(opset=opset):
                file = self.exported(checkpoint, f"--opset={opset}")
                self.assertEqual(onnx.load(file).opset_import[0].version, opset)
                self.assert_equal_outputs(play(session(file), steps)["logits"], want["logits"], "logits")

    def test_the_batch_is_open_and_rows_are_independent(self):
        checkpoint = self.folder / "policy.safetensors"
        probe.new(checkpoint, "nethack-compact", "lstm")
        model = session(self.exported(checkpoint))
        steps = probe.steps(probe.describe(checkpoint), 3, 6, seed=5, actions=(7,))
        together = play(model, steps)["logits"]
        for i in range(6):
            alone = play(model, {name: values[:, i : i + 1] for name, values in steps.items()})["logits"]
            self.assert_equal_outputs(alone[:, 0], together[:, i], f"row {i}")

    def test_a_trained_run(self):
        """Of the run directory; what the model is of, it says itself."""
        run = self.folder / "run"
        onic("train", "--env.id=corridor", f"--run-dir={run}", "--frames=20000", "--actors.count=1", "--annotator.id=rules",
             "--policy.hidden=8", "--dashboard.listen=off")
        file = self.exported(run)
        model = onnx.load(file)
        facts = {fact.key: fact.value for fact in model.metadata_props}
        self.assertEqual(model.producer_name, "onic")
        self.assertEqual(facts["onic.env"], "corridor")
        self.assertEqual(facts["onic.actions"], "3")
        self.assertEqual(facts["onic.observation"], "position uint8[1]; door uint8[1]")
        self.assertGreaterEqual(int(facts["onic.env_steps"]), 20000)
        newest = sorted((run / "checkpoints").glob("ckpt-*.safetensors"))[-1]
        self.assertIn(f"{int(facts['onic.weights_version']):012d}", newest.name)
        steps = probe.steps(probe.describe(newest), 3, 4, seed=6, actions=(3,))
        self.assert_equal_outputs(play(session(file), steps)["logits"], probe.act(newest, steps)["logits"], "logits")

    def refused(self, *arguments):
        done = onic("export", *arguments, check=False, cwd=self.folder)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def test_what_cannot_be_exported_is_a_sentence(self):
        checkpoint = self.folder / "policy.safetensors"
        probe.new(checkpoint, "mlp", "none")
        (self.folder / "note.txt").write_text("not a run")
        (self.folder / "old.onnx").write_text("mine")
        for arguments, code, words in [
            ([], 64, "nothing to export"),
            ([checkpoint], 64, "give --onnx=FILE"),
            (["nowhere", "--onnx=a.onnx"], 64, "there is no run nowhere"),
            (["note.txt", "--onnx=a.onnx"], 64, "is a text file, not a run directory"),
            ([checkpoint, "--onnx=a.onnx", "--opset=16"], 64, "older sets lack LayerNormalization"),
            ([checkpoint, "--onnx=a.onnx", "--opset=22"], 64, "operators of 17 to 21"),
            ([checkpoint, "--onnx=a.onnx", "--opset=new"], 64, "must be a whole number"),
            ([checkpoint, "--onnx=/nowhere/a.onnx"], 73, "cannot be written"),
            ([checkpoint, "--onnx=old.onnx"], 73, "is there already"),
        ]:
            with self.subTest(arguments=arguments):
                got, said = self.refused(*arguments)
                self.assertEqual(got, code, said)
                self.assertIn(words, said)
        self.assertFalse((self.folder / "a.onnx").exists())
        self.assertEqual((self.folder / "old.onnx").read_text(), "mine")

    def test_a_checkpoint_of_a_newer_or_another_onic_is_refused(self):
        """What is refused is one sentence, and no file."""
        checkpoint = self.folder / "policy.safetensors"
        probe.new(checkpoint, "grid-small", "lstm")
        data = checkpoint.read_bytes()
        for old, new, words in [
            (b'"onic.format":"1"', b'"onic.format":"2"', "is a checkpoint of format 2, this onic reads format 1"),
            (b"grid.w2 [64,64]", b"grid.w2 [64,63]", "its network is not the one that this onic makes of its options"),
            (b"core lstm 64", b"core LSTM 64", "use the onic that wrote it"),
        ]:
            with self.subTest(new=new):
                self.assertIn(old, data)
                checkpoint.write_bytes(sealed(data.replace(old, new)))
                code, said = self.refused(checkpoint, "--onnx=a.onnx")
                self.assertEqual(code, 78, said)
                self.assertIn(words, said)
        safetensors.numpy.save_file({"x": np.zeros(100)}, checkpoint)
        code, said = self.refused(checkpoint, "--onnx=a.onnx")
        self.assertEqual(code, 74, said)
        self.assertIn("its header does not start as that of an onic checkpoint", said)
        self.assertFalse((self.folder / "a.onnx").exists())

    def test_a_run_without_a_checkpoint_is_refused(self):
        run = self.folder / "run"
        run.mkdir()
        (run / "config.yaml").write_text("env:\n  id: 'corridor'\n")
        for words in ["it has no checkpoints/", "holds no checkpoint"]:
            code, said = self.refused(run, "--onnx=a.onnx")
            self.assertEqual(code, 64, said)
            self.assertIn(words, said)
            (run / "checkpoints").mkdir(exist_ok=True)
        self.assertFalse((self.folder / "a.onnx").exists())

    def test_a_damaged_checkpoint_is_refused(self):
        checkpoint = self.folder / "policy.safetensors"
        probe.new(checkpoint, "mlp", "none")
        data = bytearray(checkpoint.read_bytes())
        data[-9] ^= 1
        checkpoint.write_bytes(data)
        code, said = self.refused(checkpoint, "--onnx=a.onnx")
        self.assertEqual(code, 74, said)
        self.assertFalse((self.folder / "a.onnx").exists())
