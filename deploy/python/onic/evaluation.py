# SPDX-License-Identifier: MIT
"""A policy on a Gymnasium environment, as `onic eval` does it on its own: ``onic.evaluate(policy, make)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from onic import adapters
from onic.errors import OnicError
from onic.network import flat_mask
from onic.policy import Policy

_Z = 1.959964  # of a 95 % interval


@dataclass
class Evaluation:
    """Episodes in the order in which they ended."""

    returns: np.ndarray
    """[episodes] sum of the rewards of each."""
    lengths: np.ndarray
    """[episodes] steps of each."""
    successes: np.ndarray
    """[episodes] 1 where ``success`` said so."""
    steps: int
    """Steps of all of them."""

    @property
    def success_rate(self) -> tuple[float, float, float]:
        """Mean and 95 % interval (Wilson's score interval, as that of `onic eval`)."""
        return wilson(float(self.successes.mean()), len(self.successes))

    @property
    def mean_return(self) -> tuple[float, float, float]:
        """Mean and 95 % interval (normal approximation, as that of `onic eval`)."""
        mean, n = float(self.returns.mean()), len(self.returns)
        half = _Z * float(self.returns.std(ddof=1)) / n**0.5 if n > 1 else 0.0
        return mean, mean - half, mean + half

    def __str__(self) -> str:
        rate, low, high = self.success_rate
        mean, least, most = self.mean_return
        return (
            f"{len(self.returns)} episodes, {self.steps} steps: success {rate:.3f} [{low:.3f}, {high:.3f}],"
            f" return {mean:.4g} [{least:.4g}, {most:.4g}]"
        )


def wilson(rate: float, n: int) -> tuple[float, float, float]:
    """A rate of n trials with its 95 % score interval (Wilson 1927)."""
    z2 = _Z * _Z
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * (rate * (1 - rate) / n + z2 / (4 * n * n)) ** 0.5 / (1 + z2 / n)
    return rate, max(0.0, middle - half), min(1.0, middle + half)


def _succeeded(reward: float, terminated: bool, info: dict[str, Any]) -> bool:
    """What the environment calls a success (onic's own say ``success``), else a rewarded end (MiniGrid's)."""
    said = info.get("is_success", info.get("success"))
    return terminated and reward > 0 if said is None else bool(said)


def evaluate(
    policy: Policy,
    make: Callable[[], Any],
    *,
    episodes: int = 100,
    envs: int = 16,
    seed: int = 0,
    greedy: bool = False,
    adapter: adapters.Adapter | None = None,
    success: Callable[[float, bool, dict[str, Any]], bool] = _succeeded,
) -> Evaluation:
    """Plays ``episodes`` episodes in ``envs`` environments side by side.

    make     makes a Gymnasium environment: ``lambda: gymnasium.make("MiniGrid-KeyCorridorS3R3-v0")``
    seed     of the first environment's first episode; the others follow
    adapter  from its observations to the policy's fields; found by the policy's environment where it is left out
    success  of (reward, terminated, info) of an episode's last step

    Each environment plays its share of the episodes, so that short ones do not count more often. Masks are taken from
    ``info["action_mask"]`` where actions are masked: of every reset, while a step without one allows everything. A policy that was trained
    in ``gym:...`` sees and acts as it did there. Environments are closed at the end.
    """
    if episodes < 1:
        raise OnicError("an evaluation wants at least one episode")
    worlds = [make() for _ in range(min(envs, episodes))]
    try:
        seats = [_Seat(policy, world, adapter) for world in worlds]
        return _play(policy, worlds, seats, episodes, seed, greedy, success)
    finally:
        for world in worlds:
            world.close()


class _Seat:
    """What lies between the policy and one environment."""

    def __init__(self, policy: Policy, world: Any, adapter: adapters.Adapter | None) -> None:
        space = policy.action_space
        self.options = space.options if space.masked else ()
        self.fields: adapters.Adapter
        self.action: Callable[[Any], Any]
        if policy.env_id.startswith("gym:"):
            self.fields, self.action = adapter or adapters.bridged(world, policy.fields), adapters.bridged_action(world, space)
        else:
            self.fields = adapter or adapters.adapter_of(policy.env_id) or adapters.named(policy.fields)
            self.action = int if space.kind == "discrete" else lambda action: action

    def mask(self, info: dict[str, Any], begins: bool) -> np.ndarray:
        """[options of all choices]"""
        given = info.get("action_mask")
        if given is None and begins:
            raise OnicError("the actions of this policy are masked, and the environment's reset gives no info['action_mask']")
        try:
            mask = np.ones(sum(self.options), bool) if given is None else flat_mask(self.options, given)
        except ValueError:
            mask = np.zeros(0)
        if mask.shape != (sum(self.options),):
            raise OnicError(f"info['action_mask'] is no array of {sum(self.options)} options, nor one for each of {len(self.options)} choices")
        return mask


def _play(
    policy: Policy,
    worlds: list[Any],
    seats: list[_Seat],
    episodes: int,
    seed: int,
    greedy: bool,
    success: Callable[[float, bool, dict[str, Any]], bool],
) -> Evaluation:
    n = len(worlds)
    left = [episodes // n + (i < episodes % n) for i in range(n)]
    seen, infos = [list(x) for x in zip(*(world.reset(seed=seed + i) for i, world in enumerate(worlds)))]
    state = policy.initial_state(n)
    reward, begins = np.zeros(n), np.ones(n, bool)
    total, length = np.zeros(n), np.zeros(n, int)
    ended: list[tuple[float, int, bool]] = []
    steps = 0
    while any(left):
        live = [i for i in range(n) if left[i]]
        batch = [seats[i].fields(seen[i]) for i in live]
        there = [field.name for field in policy.fields if field.name in batch[0]]  # act says what is missing
        fields = {name: np.stack([row[name] for row in batch]) for name in there}
        mask = np.stack([seats[i].mask(infos[i], begins[i]) for i in live]) if policy.action_space.masked else None
        actions, state[live] = policy.act(fields, state[live], greedy=greedy, mask=mask, reward=reward[live], reset=begins[live])
        for i, action in zip(live, np.asarray(actions)):
            seen[i], gain, terminated, truncated, infos[i] = worlds[i].step(seats[i].action(action))
            reward[i], begins[i] = gain, terminated or truncated
            total[i] += gain
            length[i] += 1
            steps += 1
            if begins[i]:
                ended.append((total[i], length[i], success(float(gain), bool(terminated), infos[i])))
                total[i], length[i] = 0, 0
                left[i] -= 1
                if left[i]:
                    seen[i], infos[i] = worlds[i].reset()
    columns = [np.array(column) for column in zip(*ended)]
    return Evaluation(columns[0], columns[1], columns[2].astype(float), steps)
