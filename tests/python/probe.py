# SPDX-License-Identifier: MIT
"""What the policy of C says to given observations, for tests of programs that play it (policy_probe.c).

>>> probe.new(path, "mlp", "lstm", actions="7")
>>> layout = probe.describe(path)
>>> steps = probe.steps(layout, steps=5, n=3, seed=1)
>>> outputs = probe.act(path, steps)            # logits [T, N, A], value [T, N, 2], state [T, N, S]
"""

import json
import os
import pathlib
import subprocess

import numpy as np

PROBE = pathlib.Path(os.environ["ONIC_BUILD"]) / "tests/policy_probe"

_NETHACK = "glyphs int16[21,79]; blstats int64[27]; message uint8[256]"
# An observation for each network; that of mlp has a field of every kind.
OBSERVATIONS = {
    "grid-small": "direction uint8[1]; image uint8[7,7,3]",
    "nethack-compact": _NETHACK,
    "torchbeast": _NETHACK,
    "oni-default": "chars uint8[21,79]; colors uint8[21,79]; message uint8[256]; blstats int64[27]",
    "pixels": "side uint8[2]; frame uint8[40,37,3]; sensor float32[4]; before uint8[1,40,37]",
    "mlp": "place uint8[3]; sensor float32[4]; picture uint8[4,5,3]; codes uint8[5,5]; "
    "signed int8[3]; short int16[3]; whole int32[2]; long int64[3]",
}
CORES = ["none", "lstm", "gru", "mingru"]
_MESSAGES = [
    b"", b"You kill the newt!", b"You see here 2 uncursed scrolls labeled FOOBIE BLETCH.",
    b"There is a staircase down here.--More--", b"12 gold pieces", b"A" * 256, b"word9word 9x9" * 19 + b"the end",
    " é you hear a door open".encode(),
]


def _run(*arguments, **more):
    done = subprocess.run([str(PROBE), *map(str, arguments)], capture_output=True, timeout=120, **more)
    if done.returncode != 0:
        raise AssertionError(f"policy_probe {' '.join(map(str, arguments))[:300]}: {done.stderr.decode()}")
    return done.stdout


def new(path, net, core, actions="7", observation=None, **options):
    """Writes a checkpoint with random weights; options as in policy__layer_norm="true"."""
    words = [f"{key.replace('__', '.')}={value}" for key, value in options.items()]
    _run("new", path, net, core, actions, observation or OBSERVATIONS[net], *words)


def describe(path):
    """Of a checkpoint: fields (name, type, offset, shape), obs_bytes, outputs, state, parts."""
    return json.loads(_run("describe", path))


def key_of(name):
    """Where the values of a field stand in what steps() makes, beside what is no field there."""
    return f"field {name}" if name in ("start", "last_action", "last_reward") else name


def _numbers(random, field, shape):
    """Values as a world has them, and some as only a broken one has."""
    name, dtype = field["name"], np.dtype(field["type"])
    if name == "image":
        return random.integers(0, [12, 7, 5], shape)
    if name == "glyphs":
        seen = random.random(shape) < 0.3
        return np.where(seen, random.integers(-3, 5990, shape), 2359)
    if name == "blstats":
        values = random.integers(-3, 60, shape)
        values[..., 0] = random.integers(-2, 82, shape[:-1])
        values[..., 1] = random.integers(-2, 24, shape[:-1])
        values[..., 25] = random.integers(-5, 70000, shape[:-1])
        return values
    if name == "chars":
        return np.where(random.random(shape) < 0.5, 32, random.integers(0, 256, shape))
    if name == "message":
        values = np.zeros(shape, dtype)
        for at in np.ndindex(shape[:-1]):
            text = _MESSAGES[random.integers(len(_MESSAGES))]
            values[at][: len(text)] = np.frombuffer(text, np.uint8)
            values[at][200:] = random.integers(0, 256, 56)  # what lies behind the end is nothing
        return values
    if dtype.kind == "f":
        values = random.normal(0, 3, shape).astype(dtype)
        values.flat[:: 17] = random.choice([np.nan, np.inf, -np.inf, 5e4, -5e4])
        return values
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return random.integers(max(low, -100000), min(high, 100000) + 1, shape)


def steps(layout, steps, n, seed, actions=None):
    """Random steps of n environments: {key_of(field): [T, N, ...]}, "start" [T, N], "last_action" [T, N, parts], "last_reward" [T, N].

    actions: options of each part, None for numbers in -1..1.
    """
    random = np.random.default_rng(seed)
    made = {}
    for field in layout["fields"]:
        shape = (steps, n, *field["shape"])
        made[key_of(field["name"])] = _numbers(random, field, shape).astype(field["type"])
    made["start"] = random.random((steps, n)) < 0.2
    made["start"][0] = True
    if actions is None:
        made["last_action"] = random.uniform(-1, 1, (steps, n, layout["parts"])).astype(np.float32)
    else:
        made["last_action"] = random.integers(0, actions, (steps, n, layout["parts"])).astype(np.int32)
    made["last_reward"] = random.normal(0, 5, (steps, n)).astype(np.float32)
    return made


def act(path, made):
    """What the policy of a checkpoint says to `made`, one step after the other, its state carried on."""
    layout = describe(path)
    count, n = made["start"].shape
    row = layout["obs_bytes"] + 1 + 4 * layout["parts"] + 4
    rows = np.zeros((count, n, row), np.uint8)
    for field in layout["fields"]:
        values = np.ascontiguousarray(made[key_of(field["name"])]).reshape(count, n, -1).view(np.uint8)
        rows[..., field["offset"] : field["offset"] + values.shape[-1]] = values
    at = layout["obs_bytes"]
    rows[..., at] = made["start"]
    rows[..., at + 1 : row - 4] = np.ascontiguousarray(made["last_action"]).view(np.uint8).reshape(count, n, -1)
    rows[..., row - 4 :] = np.ascontiguousarray(made["last_reward"])[..., None].view(np.uint8)
    out = np.frombuffer(_run("act", path, n, input=rows.tobytes()), np.float32)
    widths = [layout["outputs"], 2, layout["state"]]
    out = out.reshape(count, n * sum(widths))
    logits, value, state = np.split(out, np.cumsum([n * w for w in widths[:2]]), axis=1)
    return {
        "logits": logits.reshape(count, n, -1),
        "value": value.reshape(count, n, 2),
        "state": state.reshape(count, n, widths[2]),
    }
