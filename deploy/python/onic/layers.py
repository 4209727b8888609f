# SPDX-License-Identifier: MIT
"""The layers of common/nn in NumPy, forward only. Matrices are stored input-major: Y = X W + b."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def relu(x: Array) -> Array:
    return np.maximum(x, np.float32(0))


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, np.float32(0))))


def sigmoid(x: Array) -> Array:
    return np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))


def dense(x: Array, w: Array, b: Array, act: Callable[[Array], Array] | None = None) -> Array:
    """x [n, K], w [K, N], b [N]."""
    y = x @ w + b.reshape(-1)
    return act(y) if act else y


def conv2d(x: Array, w: Array, b: Array, window: int, stride: int, pad: int, act: Callable[[Array], Array]) -> Array:
    """x [n, H, W, C], w [window * window * C, N], tap-major with the channel fastest: [n, OH, OW, N]."""
    if pad:
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(x, (window, window), axis=(1, 2))[:, ::stride, ::stride]
    patches = np.ascontiguousarray(views.transpose(0, 1, 2, 4, 5, 3)).reshape(-1, w.shape[0])
    return act(patches @ w + b.reshape(-1)).reshape(*views.shape[:3], -1)


def conv1d(x: Array, w: Array, b: Array) -> Array:
    """x [n, P, C], w [k * C, N], no padding, ReLU: [n, P - k + 1, N]."""
    k = w.shape[0] // x.shape[2]
    views = np.lib.stride_tricks.sliding_window_view(x, k, axis=1)
    patches = np.ascontiguousarray(views.transpose(0, 1, 3, 2)).reshape(-1, w.shape[0])
    return relu(patches @ w + b.reshape(-1)).reshape(x.shape[0], -1, w.shape[1])


def maxpool1d(x: Array, window: int) -> Array:
    """The largest of each ``window`` positions of x [n, P, C]; a rest is dropped."""
    n, positions, channels = x.shape
    return x[:, : positions // window * window].reshape(n, -1, window, channels).max(axis=2)


def layer_norm(x: Array, gain: Array, bias: Array) -> Array:
    wide = x.astype(np.float64)
    wide -= wide.mean(axis=1, keepdims=True)
    wide /= np.sqrt((wide * wide).mean(axis=1, keepdims=True) + 1e-5)
    return gain.reshape(-1) * wide.astype(np.float32) + bias.reshape(-1)


# --- cores: x [n, I], state [n, S] -> h [n, H], next state ----------------------------------------------------------------


def lstm(x: Array, state: Array, w_x: Array, w_h: Array, b: Array) -> tuple[Array, Array]:
    """Gates i, f, o, g side by side, 1 added to that of f; a state is [h | c]."""
    size = w_h.shape[0]
    h, c = state[:, :size], state[:, size:]
    a = x @ w_x + h @ w_h + b.reshape(-1)
    a[:, size : 2 * size] += np.float32(1)
    gates = sigmoid(a[:, : 3 * size])
    c = gates[:, size : 2 * size] * c + gates[:, :size] * np.tanh(a[:, 3 * size :])
    h = gates[:, 2 * size :] * np.tanh(c)
    return h, np.concatenate([h, c], axis=1)


def gru(x: Array, state: Array, w_x: Array, w_h: Array, b_x: Array, b_h: Array) -> tuple[Array, Array]:
    """Gates r, z, n side by side, each with two biases; r is applied to what comes of the state."""
    size = w_h.shape[0]
    a, u = x @ w_x + b_x.reshape(-1), state @ w_h + b_h.reshape(-1)
    gates = sigmoid(a[:, : 2 * size] + u[:, : 2 * size])
    r, z = gates[:, :size], gates[:, size:]
    n = np.tanh(a[:, 2 * size :] + r * u[:, 2 * size :])
    h = n + z * (state - n)
    return h, h


def mingru(x: Array, state: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """Gates z, c side by side, of the input only (arXiv 2410.01201, appendix B.3)."""
    a = x @ w + b.reshape(-1)
    size = a.shape[1] // 2
    z, c = sigmoid(a[:, :size]), a[:, size:]
    c = np.where(c >= 0, c + np.float32(0.5), sigmoid(c))
    h = state + z * (c - state)
    return h, h
