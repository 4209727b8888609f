#!/usr/bin/env python3
"""The search behind the defaults of train.*: frames until a training success of 0.95, on development seeds 1 to 3.

A trial is a set of options on top of BASE (what the defaults were before the search), tried on the tasks and seeds named;
TRIALS is the whole search in the order in which it was made, one stage on top of what the stage before had found. What it
chose is in common/config/options.def and deploy/configs; how it does on seeds that nothing was chosen on is heldout.py's
business. A run that has not succeeded within its task's frames counts with these. Resumable: a run with its line in
search_minigrid/results.jsonl is not repeated.
"""
import os
import shutil
import statistics

from lib import Experiment, last_metrics, markdown, read_metrics

BASE = {"train.lr": 7e-4, "train.rollout": 32, "train.batch": 2048, "train.minibatches": 1, "train.epochs": 1,
        "train.entropy": 0.01, "train.value_coef": 0.05, "train.value_norm": 0.03, "train.clip": 0.1, "train.clip_value": 1,
        "train.gamma": 0.99, "train.gamma_int": 0.99, "train.max_grad_norm": 4, "train.adam_beta2": 0.999}
# task -> (frames at most, flags)
TASKS = {
    "S3R3": (5_000_000, ["deploy/configs/keycorridor.yaml", "--reward.model=hash", "--annotator.id=rules"]),
    "DoorKey-5x5": (2_000_000, ["--env.id=minigrid:DoorKey-5x5", "--reward.model=none", "--reward.coef_int=0"]),
    "DoorKey-6x6": (3_000_000, ["--env.id=minigrid:DoorKey-6x6", "--reward.model=none", "--reward.coef_int=0"]),
    "corridor": (1_000_000, ["--env.id=corridor", "--reward.model=none", "--reward.coef_int=0"]),
}
SEEDS = (1, 2, 3)
# (trial, options that differ from BASE, tasks, seeds)
S3R3, ALL = ("S3R3",), tuple(TASKS)
MB4 = {"train.minibatches": 4}
TRIALS = [
    # 1. How many gradient steps a batch is worth.
    ("base", {}, ALL, SEEDS),
    ("mb2", {"train.minibatches": 2}, S3R3, SEEDS),
    ("mb4", MB4, S3R3, SEEDS),
    ("mb8", {"train.minibatches": 8}, S3R3, SEEDS),
    ("batch1024 mb2", {"train.batch": 1024, "train.minibatches": 2}, S3R3, SEEDS),
    ("batch1024 mb4", {"train.batch": 1024, "train.minibatches": 4}, S3R3, SEEDS),
    ("mb4 epochs2", {**MB4, "train.epochs": 2}, S3R3, SEEDS),
    # 2. One option at a time, from four minibatches.
    *((f"mb4 {name}={value:g}", {**MB4, f"train.{name}": value}, S3R3, SEEDS) for name, value in (
        ("lr", 3e-4), ("lr", 5e-4), ("lr", 1e-3), ("lr", 1.5e-3), ("entropy", 0.003), ("entropy", 0.005), ("entropy", 0.02),
        ("value_coef", 0.02), ("value_coef", 0.1), ("value_coef", 0.25), ("clip", 0.2), ("max_grad_norm", 0.5), ("clip_value", 0),
        ("value_norm", 0.003), ("value_norm", 0.01), ("rollout", 16), ("rollout", 64), ("adam_beta2", 0.99), ("gamma_int", 0.98),
        ("gamma", 0.995))),
]


def flags_of(options):
    return [f"--{name}={value:g}" for name, value in {**BASE, **options}.items()]


def spread(rows):
    """Mean and largest of the numbers of rows of metrics, None skipped."""
    seen = [r for r in rows if r is not None]
    return (statistics.fmean(seen), max(seen)) if seen else (None, None)


def run_one(e, trial, options, task, seed):
    most, task_flags = TASKS[task]
    name = f"{task}-{trial}-s{seed}".replace(" ", "_")
    run_dir = e.train(name, *task_flags[:1], [*task_flags[1:], f"--seed={seed}", f"--frames={most}", "--stop.success=0.95",
                                              "--metrics.every_s=1", "--metrics.panel=false", "--replay.every_episodes=0", *flags_of(options)])
    last = last_metrics(run_dir)
    solved = last.get("policy_stats/success_rate", 0) >= 0.95
    columns = ("train/kl_divergence", "train/fraction_clipped", "train/explained_variance_ext", "train/explained_variance_int")
    kl, clipped, ext, intr = (spread(c) for c in zip(*read_metrics(run_dir, columns)))
    e.keep({"trial": trial, "task": task, "seed": seed, "options": options, "solved": solved, "frames": last["env_steps"] if solved else most,
            "kl_mean": kl[0], "kl_max": kl[1], "clipped_mean": clipped[0], "clipped_max": clipped[1], "explained_ext": ext[0],
            "explained_int": intr[0], "wall_s": last["wall_s"], "cpu_s": last["perf/cpu_s_actors"] + last["perf/cpu_s_learner"]})
    print(f"= {task} {trial} seed {seed}: {e.rows[-1]['frames'] / 1e6:.2f} M{'' if solved else ' (not solved)'}", flush=True)
    shutil.rmtree(run_dir)


def table(rows):
    lines = []
    for trial, _, tasks, _ in TRIALS:
        for task in tasks:
            mine = sorted((r for r in rows if r["trial"] == trial and r["task"] == task), key=lambda r: r["seed"])
            if mine:
                lines.append((task, trial, ", ".join(f"{r['frames'] / 1e6:.2f}" if r["solved"] else "-" for r in mine),
                              f"{statistics.fmean(r['frames'] for r in mine) / 1e6:.2f}",
                              f"{statistics.fmean(r['kl_mean'] for r in mine):.4f}", f"{max(r['kl_max'] for r in mine):.3f}",
                              f"{100 * statistics.fmean(r['clipped_mean'] for r in mine):.1f} %",
                              f"{statistics.fmean(r['cpu_s'] / r['frames'] for r in mine) * 1e6:.1f}"))
    return markdown(("task", "trial", "frames (M) per seed", "mean", "KL mean", "KL largest", "clipped", "CPU s per M frames"),
                    sorted(lines, key=lambda line: list(TASKS).index(line[0])))


def main():
    e = Experiment("search_minigrid", __doc__)
    args = e.start()
    for trial, options, tasks, seeds in [] if args.plot else TRIALS:
        for task in tasks:
            for seed in seeds:
                if not e.find(trial=trial, task=task, seed=seed):
                    run_one(e, trial, options, task, seed)
    e.write_table(table(e.rows))


if __name__ == "__main__":
    main()
