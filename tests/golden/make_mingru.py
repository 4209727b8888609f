# SPDX-License-Identifier: MIT
"""Golden numbers of tests/unit/common/nn/test_mingru.c: MinGRU in the parallel form of arXiv 2410.01201, appendix B.3, in Python doubles.

The layer blends step by step, h = h' + z (c - h'). Here nothing is carried from step to step: with a = log(1 - z) and v = log z + log c,
log h_t is the sum of all a up to t plus the logarithm of the sum, over s <= t, of exp(v_s - sum of all a up to s); the state before the
first step is v_0. A reset begins such a sum anew, without a v_0.
"""
import math

T, I, H, RESET = 6, 3, 2, 4


def sines(n, first):
    return [math.sin(k + 1) for k in range(first, first + n)]


def softplus(v):
    return max(v, 0) + math.log1p(math.exp(-abs(v)))


def log_g(v):
    return math.log(v + 0.5) if v >= 0 else -softplus(-v)


def log_sum_exp(values):
    top = max(values)
    return top + math.log(sum(math.exp(v - top) for v in values))


def segment(pre, log_h0):
    """pre: a pair (gate, candidate) before activation for each step; log_h0: None after a reset."""
    log_a = [-softplus(gate) for gate, _ in pre]
    log_v = [-softplus(-gate) + log_g(candidate) for gate, candidate in pre]
    start = [] if log_h0 is None else [log_h0]
    out = []
    for t in range(len(pre)):
        kept = [sum(log_a[:s + 1]) for s in range(t + 1)]
        out.append(math.exp(kept[t] + log_sum_exp(start + [v - a for v, a in zip(log_v, kept)])))
    return out


w, b, x, h0 = sines(I * 2 * H, 0), sines(2 * H, 22), sines(T * I, 50), [0.75, 2.5]
pre = [[b[j] + sum(x[t * I + i] * w[i * 2 * H + j] for i in range(I)) for j in range(2 * H)] for t in range(T)]
columns = []
for j in range(H):
    steps = [(row[j], row[H + j]) for row in pre]
    columns.append(segment(steps[:RESET], math.log(h0[j])) + segment(steps[RESET:], None))
print("candidates before activation:", ", ".join(f"{row[H + j]:+.2f}" for row in pre for j in range(H)))
print(", ".join(f"{columns[j][t]:.8f}" for t in range(T) for j in range(H)))
