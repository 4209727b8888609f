# SPDX-License-Identifier: MIT
"""make_classic.py - records tests/golden/classic.txt from Gymnasium.

    python3 -m venv v && v/bin/pip install gymnasium==1.4.0 && v/bin/python tests/golden/make_classic.py > tests/golden/classic.txt

Per recording a line `world NAME SEED`, then one line per step, `ACTION REWARD END OBSERVATION...`, END being 0, 1 (terminated) or
2 (truncated). A reset has the action `r`; the first one is seeded, the others go on with the generator. Rewards and actions have 17 digits, observations 9.
"""
import random

import gymnasium as gym
import numpy as np

# world, its name there, seed, steps, choice of the action by (random numbers, observation)
RECORDINGS = [
    ("cartpole", "CartPole-v1", 0, 60, lambda rng, obs: rng.randrange(2)),
    ("cartpole", "CartPole-v1", 12345678901, 60, lambda rng, obs: rng.randrange(2)),
    ("cartpole", "CartPole-v1", 7, 505, lambda rng, obs: int(obs[2] + obs[3] + 0.1 * obs[1] > 0)),
    ("pendulum", "Pendulum-v1", 0, 210, lambda rng, obs: np.array([rng.uniform(-2, 2)], dtype=np.float32)),
    ("pendulum", "Pendulum-v1", 99, 120,
     lambda rng, obs: np.array([2 if obs[2] * (1 - obs[0]) > 0 else -1.25], dtype=np.float32)),
]


def put(action, obs, reward=0.0, end=0):
    print(action, f"{reward:.17g}", end, *(f"{float(x):.9g}" for x in obs))


for world, name, seed, steps, choose in RECORDINGS:
    env, rng = gym.make(name), random.Random(seed)
    print("world", world, seed)
    obs, _ = env.reset(seed=seed)
    put("r", obs)
    for _ in range(steps):
        action = choose(rng, obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        shown = f"{float(action[0]):.17g}" if world == "pendulum" else action
        put(shown, obs, float(reward), 1 if terminated else 2 if truncated else 0)
        if terminated or truncated:
            obs, _ = env.reset()
            put("r", obs)
