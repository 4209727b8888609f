# SPDX-License-Identifier: MIT
"""Golden numbers of tests/unit/common/policy/test_pixels.c: the network pixels in NumPy doubles, window by window.

Needs numpy. Parameters and observations are formulas that both sides have."""
import numpy as np


def tensor(number, rows, cols):
    i = np.arange(rows * cols, dtype=np.float64)
    return (2 / np.sqrt(rows) * np.sin(1.7 * i * i + number)).reshape(rows, cols)


def vector(number, cols):
    return 0.1 * np.sin(np.arange(cols) + number)


def convolve(x, w, b, window, stride, pad):
    height, width, _ = x.shape
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    rows, cols = (height + 2 * pad - window) // stride + 1, (width + 2 * pad - window) // stride + 1
    y = np.empty((rows, cols, w.shape[1]))
    for r in range(rows):
        for c in range(cols):
            patch = x[r * stride:r * stride + window, c * stride:c * stride + window]
            y[r, c] = patch.ravel() @ w + b
    return y


class Network:
    def __init__(self):
        self.number = 0

    def conv(self, x, channels, window=3, stride=1, pad=1):
        w = tensor(self.number, window * window * x.shape[2], channels)
        b = vector(self.number + 1, channels)
        self.number += 2
        return convolve(x, w, b, window, stride, pad)

    def block(self, x):
        inner = np.maximum(self.conv(x, x.shape[2]), 0)
        return np.maximum(x + self.conv(inner, x.shape[2]), 0)

    def dense(self, x, hidden, numbers=(), places=()):
        y = x.ravel() @ tensor(self.number, x.size, hidden) + vector(self.number + 1, hidden)
        self.number += 2
        if len(numbers):
            y += np.array(numbers) @ tensor(self.number, len(numbers), hidden)
            self.number += 1
        if len(places):
            table = tensor(self.number, 256 * len(places), hidden)
            y += sum(table[256 * i + value] for i, value in enumerate(places))
        return np.maximum(y, 0)


def bytes_of(first, *shape):
    return ((np.arange(np.prod(shape)) * 7 + first) % 256).reshape(shape)


def show(name, features):
    print(name, ", ".join(f"{v:.6g}" for v in features))


def residual():
    """frame [20,34,3] and before [1,20,34]: 4 channels; 20x34 -> 10x17 -> 5x9 with a block -> 3x5 with a block."""
    x = np.concatenate([bytes_of(3, 20, 34, 3), bytes_of(90, 1, 20, 34).transpose(1, 2, 0)], axis=2) / 255
    net = Network()
    x = np.maximum(net.conv(x, 5, stride=2), 0)
    x = np.maximum(net.conv(x, 5, stride=2), 0)
    x = net.block(x)
    x = np.maximum(net.conv(x, 10, stride=2), 0)
    x = net.block(x)
    show("residual", net.dense(x, 12, numbers=(1.5, -0.25), places=(4, 200)))


def nature():
    x = bytes_of(11, 44, 36) / 255
    net = Network()
    x = np.maximum(net.conv(x[:, :, None], 32, window=8, stride=4, pad=0), 0)
    x = np.maximum(net.conv(x, 64, window=4, stride=2, pad=0), 0)
    x = np.maximum(net.conv(x, 64, window=3, stride=1, pad=0), 0)
    show("nature", net.dense(x, 12))


residual()
nature()
