#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interquartile means and stratified bootstrap intervals by the package rliable, for tests/unit/deploy/cli/test_compare_stats.c.

    pip install rliable 'pandas<3' && python3 tests/golden/make_iqm.py

Prints the table that stands in the test: the scores of some runs (rows) in some environments (columns), and what rliable
says of them with 50,000 repetitions, its default. Environments have equally many runs, since rliable wants a matrix.
"""
import numpy as np
from rliable import library, metrics

CASES = {
    "five runs": [[0.91], [0.97], [0.99], [0.45], [0.98]],
    "four runs": [[1], [2], [3], [10]],
    "eight runs": [[0.1], [0.2], [0.35], [0.4], [0.4], [0.6], [0.75], [5]],
    "three runs, two environments": [[0.9, 0.1], [0.8, 0.3], [1.0, 0.25]],
    "five runs, three environments": [[0.95, 0.2, 0.6], [0.99, 0.1, 0.55], [0.9, 0.4, 0.8], [1.0, 0.25, 0.7], [0.97, 0.3, 0.5]],
}

for name, scores in CASES.items():
    matrix = np.array(scores, dtype=float)
    point, interval = library.get_interval_estimates(
        {"a": matrix}, lambda x: np.array([metrics.aggregate_iqm(x)]), reps=50000, random_state=np.random.RandomState(0))
    low, high = interval["a"][:, 0]
    columns = ", ".join(f"{v:g}" for v in matrix.T.flatten())  # one environment after the other
    print(f'{{"{name}", {matrix.shape[0]}, {matrix.shape[1]}, {{{columns}}}, {point["a"][0]:.6f}, {low:.6f}, {high:.6f}}},')
