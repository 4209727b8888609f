# SPDX-License-Identifier: MIT
"""A trained policy in NumPy: ``onic.Policy(RUN or CHECKPOINT)``."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, Mapping, Union

import numpy as np

from onic import encoders, layers
from onic.checkpoint import Checkpoint, open_checkpoint
from onic.errors import OnicError
from onic.network import ActionSpace, Field, Network, batch_of, flat_mask, read_network

Observation = Union[Mapping[str, Any], Any]
Action = Union[int, np.ndarray]

LOG_DEVIATION_MIN, LOG_DEVIATION_MAX = np.float32(-5), np.float32(2)
_STATES = {"none": 0, "lstm": 2, "gru": 1, "mingru": 1}  # floats per cell


@dataclass
class Outputs:
    """What the network says: of one observation without the first dimension."""

    logits: np.ndarray
    """[n, A]: logits of every option, or means and then logs of the deviation of every number."""
    value: np.ndarray
    """[n, 2]: extrinsic and intrinsic value (with compat.oni one, and 0)."""
    state: np.ndarray
    """[n, S]: state after the observation."""


class Policy:
    """The network of a checkpoint and how it acts. Equal to the C programs up to rounding (about 1e-6 of a logit).

    >>> policy = onic.Policy("runs/keycorridor-s1")
    >>> state = policy.initial_state()
    >>> action, state = policy.act({"image": image, "direction": direction}, state)

    Every call takes one observation or n of them side by side (fields [n, ...], a state [n, S]) and answers alike. A state of zeros
    begins an episode. What the policy remembers of the step before (``policy.last_action``, ``policy.last_reward``) lies in the state
    as well: ``act`` notes the action it gives, the reward comes with the next call.

    network          encoder, core, sizes: ``policy.network.net``
    fields           the fields of an observation: name, type, shape
    action_space     what an action is
    env_id           the environment it was trained in
    weights_version, env_steps   how long it was trained
    tensors          the weights, by their names in the checkpoint without ``policy/``
    """

    def __init__(self, source: str | PathLike[str] | Checkpoint, *, seed: int | None = None) -> None:
        """source: a run directory (its newest checkpoint) or a checkpoint. seed: of sampled actions.

        Raises OnicError with one sentence: nothing there, damaged, of another format, of a network that this package does not know.
        """
        found = source if isinstance(source, Checkpoint) else open_checkpoint(source)
        self.checkpoint: Checkpoint = found
        self.network: Network = read_network(found.text("net"))
        self.tensors: dict[str, np.ndarray] = _policy_tensors(found, self.network)
        self.fields: tuple[Field, ...] = self.network.fields
        self.action_space: ActionSpace = self.network.actions
        self.env_id: str = _description(found).get("id", "")
        self.weights_version = int(found.facts.get("weights_version", 0))
        self.env_steps = int(found.facts.get("env_steps", 0))
        self.random = np.random.default_rng(seed)
        self._encode = encoders.make(self.network, self.tensors)
        self._set_core()

    def __repr__(self) -> str:
        n = self.network
        return f"<onic.Policy {self.env_id} {n.net} {n.core} {n.core_size}, {self.env_steps} steps, {self.checkpoint.path}>"

    def _set_core(self) -> None:
        n, t = self.network, self.tensors
        if n.core not in _STATES:
            raise OnicError(f"this package has no core {n.core}, only {', '.join(_STATES)}: update the package")
        self.core_state_size = _STATES[n.core] * n.core_size
        choices = self.action_space.options
        self._action_inputs = (sum(choices) or self.action_space.parts) if n.last_action else 0
        self.last_size = self._action_inputs + n.last_reward
        self.state_size = self.core_state_size + self.last_size
        self._heads = np.concatenate([t["policy.w"], *(t[name] for name in self._value_heads(".w"))], axis=1)
        self._head_biases = np.concatenate([t["policy.b"].reshape(-1), *(t[name].reshape(-1) for name in self._value_heads(".b"))])

    def _value_heads(self, end: str) -> list[str]:
        return ["value" + end] if "value.w" in self.tensors else ["value_ext" + end, "value_int" + end]

    # --- forward ---

    def initial_state(self, n: int | None = None) -> np.ndarray:
        """The state at the beginning of an episode: zeros [S], or [n, S]."""
        return np.zeros(self.state_size if n is None else (n, self.state_size), np.float32)

    def _states(self, state: np.ndarray | None, n: int) -> np.ndarray:
        if state is None:
            return self.initial_state(n)
        given = np.array(state, np.float32)  # a copy
        if given.size != n * self.state_size:
            raise OnicError(
                f"the state has the shape {given.shape}, wanted is {(n, self.state_size)}: that of initial_state, one for each observation"
            )
        return given.reshape(n, self.state_size)

    def _core(self, x: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t, core = self.tensors, self.network.core
        if core == "lstm":
            return layers.lstm(x, state, t["core.w_x"], t["core.w_h"], t["core.b"])
        if core == "gru":
            return layers.gru(x, state, t["core.w_x"], t["core.w_h"], t["core.b_x"], t["core.b_h"])
        if core == "mingru":
            return layers.mingru(x, state, t["core.w"], t["core.b"])
        if "core.w" in t:  # what is remembered of the step before needs a layer
            return layers.dense(x, t["core.w"], t["core.b"], layers.relu), state
        return x, state

    def _forward(self, batch: dict[str, np.ndarray], state: np.ndarray) -> Outputs:
        t = self.tensors
        x = self._encode(batch)
        if "norm.gain" in t:
            x = layers.layer_norm(x, t["norm.gain"], t["norm.bias"])
        if self.last_size:
            x = np.concatenate([x, state[:, self.core_state_size :]], axis=1)
        h, core_state = self._core(x, state[:, : self.core_state_size])
        y = h @ self._heads + self._head_biases
        columns = t["policy.w"].shape[1]
        logits, value = y[:, :columns], y[:, columns:]
        if "policy.log_deviation" in t:
            free = np.broadcast_to(t["policy.log_deviation"].reshape(1, -1), (len(y), t["policy.log_deviation"].size))
            logits = np.concatenate([logits, free], axis=1)
        if value.shape[1] == 1:
            value = np.concatenate([value, np.zeros_like(value)], axis=1)
        return Outputs(logits, value, np.concatenate([core_state, state[:, self.core_state_size :]], axis=1))

    def forward(self, observation: Observation, state: np.ndarray | None = None) -> Outputs:
        """Logits, values and next state of one observation or several. The next state remembers no action yet (``remember``)."""
        batch, alone = batch_of(self.fields, observation)
        n = len(next(iter(batch.values())))
        out = self._forward(batch, self._states(state, n))
        return Outputs(out.logits[0], out.value[0], out.state[0]) if alone else out

    # --- acting ---

    def act(
        self,
        observation: Observation,
        state: np.ndarray | None = None,
        *,
        greedy: bool = False,
        mask: Any = None,
        reward: Any = None,
        reset: Any = None,
    ) -> tuple[Action, np.ndarray]:
        """An action and the next state, of one observation or n.

        state   of ``initial_state`` or of the call before; None: an episode begins
        greedy  the likeliest action instead of a sampled one
        mask    options that are possible (True), wanted where ``action_space.masked``: [options of all choices], or as ``info["action_mask"]``
                of Gymnasium has it, an array for each choice
        reward  of the step before, wanted where ``network.last_reward``
        reset   True, or for each observation: an episode begins here, the state is zeroed

        Actions are as the environment takes them: an int (array [n]), choices [parts], or numbers [parts] within their bounds.
        """
        batch, alone = batch_of(self.fields, observation)
        n = len(next(iter(batch.values())))
        states = self._states(state, n)
        if reset is not None:
            states[np.broadcast_to(np.asarray(reset, bool), n)] = 0
        self._note_reward(states, reward)
        out = self._forward(batch, states)
        actions = self._choose(out.logits, self._masks(mask, n), greedy)
        self.remember(out.state, actions)
        if self.action_space.kind == "discrete":
            return (int(actions[0, 0]), out.state[0]) if alone else (actions[:, 0], out.state)
        return (actions[0], out.state[0]) if alone else (actions, out.state)

    def _masks(self, mask: Any, n: int) -> np.ndarray | None:
        if mask is None:
            if self.action_space.masked:
                raise OnicError("the actions of this policy are masked: pass mask=, which options are possible")
            return None
        options = sum(self.action_space.options)
        try:
            given = flat_mask(self.action_space.options, mask)
        except ValueError:
            raise OnicError(f"the mask is no array of {options} options, nor one for each of {len(self.action_space.options)} choices") from None
        if not options or given.shape not in ((options,), (n, options)):
            raise OnicError(f"the mask has the shape {given.shape}, wanted is {(n, options)}: one for each option of all choices")
        return np.broadcast_to(given, (n, options))

    def _choose(self, logits: np.ndarray, mask: np.ndarray | None, greedy: bool) -> np.ndarray:
        space = self.action_space
        if space.kind == "continuous":
            return self._numbers(logits, greedy)
        chosen: list[np.ndarray] = []
        first = 0
        for options in space.options:
            part = slice(first, first + options)
            z = logits[:, part]
            if mask is not None:
                if not mask[:, part].any(axis=1).all():
                    raise OnicError(f"the mask leaves no option of choice {len(chosen)}: at least one must be possible")
                z = np.where(mask[:, part], z, -np.inf)
            if not greedy:  # the largest of logits and Gumbel noise has the distribution of the softmax
                z = z + self.random.gumbel(size=z.shape)
            chosen.append(z.argmax(axis=1))
            first += options
        return np.stack(chosen, axis=1)

    def _numbers(self, logits: np.ndarray, greedy: bool) -> np.ndarray:
        space = self.action_space
        assert space.low is not None and space.high is not None
        mean, deviation = logits[:, : space.parts], logits[:, space.parts :]
        x = mean.astype(np.float64)
        if not greedy:
            deviation = np.exp(np.clip(deviation, LOG_DEVIATION_MIN, LOG_DEVIATION_MAX))
            x = x + deviation * self.random.standard_normal(mean.shape)
        x = np.tanh(x) if self.network.squash else np.clip(x, -1, 1)
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        return np.clip((low + (high - low) * (0.5 * (x + 1))).astype(np.float32), space.low, space.high)

    # --- the step before ---

    def remember(self, state: np.ndarray, action: Any, reward: Any = None) -> None:
        """Notes in ``state`` ([S] or [n, S], changed) what was done and what it gave, for policies that see it; else does nothing.

        Who plays with ``act`` need not call it: only for actions that were not those of ``act``.
        """
        if not self.last_size:
            return
        states = state.reshape(-1, self.state_size)
        if self._action_inputs:
            self._note_action(states, np.asarray(action).reshape(len(states), -1))
        if reward is not None and self.network.last_reward:
            self._write_reward(states, reward)

    def _note_action(self, states: np.ndarray, actions: np.ndarray) -> None:
        space = self.action_space
        out = states[:, self.core_state_size : self.core_state_size + self._action_inputs]
        if space.kind == "continuous":
            assert space.low is not None and space.high is not None
            low, high = space.low.astype(np.float64), space.high.astype(np.float64)
            x = 2 * (actions.astype(np.float64) - low) / (high - low) - 1
            out[:] = np.where(np.isfinite(x), x, 0)
            return
        out[:] = 0
        first = np.cumsum((0, *space.options[:-1]))
        rows = np.arange(len(states))
        for part, options in enumerate(space.options):
            done = actions[:, part].astype(np.int64)
            known = (done >= 0) & (done < options)
            out[rows[known], first[part] + done[known]] = 1

    def _note_reward(self, states: np.ndarray, reward: Any) -> None:
        if not self.network.last_reward:
            return
        if reward is not None:
            self._write_reward(states, reward, begun=np.asarray(states.any(axis=1)))
        elif states.any():
            raise OnicError("this policy sees the reward of the step before: pass reward=, what the environment gave for it")

    def _write_reward(self, states: np.ndarray, reward: Any, begun: np.ndarray | None = None) -> None:
        r = np.broadcast_to(np.asarray(reward, np.float64), len(states))
        size = np.copysign(np.log1p(np.abs(r)), r)
        noted = np.where(np.isfinite(size), size, 0)
        states[:, -1] = noted if begun is None else np.where(begun, noted, 0)


def _description(found: Checkpoint) -> dict[str, str]:
    """The environment's description: "key: value" lines."""
    if "env" not in found.tensors:
        return {}
    return dict(line.split(": ", 1) for line in found.text("env").splitlines() if ": " in line)


def _policy_tensors(found: Checkpoint, network: Network) -> dict[str, np.ndarray]:
    """The weights, of the shapes that the network's text says."""
    tensors = {}
    for name, shape in network.shapes.items():
        stored = found.tensors.get(f"policy/{name}")
        if stored is None or stored.dtype != np.float32 or stored.size != shape[0] * shape[1]:
            raise OnicError(f"{found.path} lacks policy/{name} of {shape[0]} x {shape[1]}, which its network has: it is damaged")
        tensors[name] = stored.reshape(shape)
    return tensors
