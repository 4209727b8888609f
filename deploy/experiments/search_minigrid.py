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
NETHACK = "NetHack Score, none"  # its options are its configuration's, but for the number of minibatches; judged by the score
# task -> (frames at most, flags)
TASKS = {
    "S3R3": (5_000_000, ["deploy/configs/keycorridor.yaml", "--reward.model=hash", "--annotator.id=rules"]),
    "S4R3": (12_000_000, ["deploy/configs/keycorridor_s4r3.yaml", "--reward.model=hash", "--annotator.id=rules"]),
    "S6R3": (25_000_000, ["deploy/configs/keycorridor_s6r3.yaml", "--reward.model=hash", "--annotator.id=rules"]),
    "DoorKey-5x5": (2_000_000, ["--env.id=minigrid:DoorKey-5x5", "--reward.model=none", "--reward.coef_int=0"]),
    "DoorKey-6x6": (3_000_000, ["--env.id=minigrid:DoorKey-6x6", "--reward.model=none", "--reward.coef_int=0"]),
    NETHACK: (1_000_000, ["deploy/configs/nethack_score.yaml", "--reward.model=none", "--reward.coef_int=0", "--actors.count=1"]),
    "corridor": (1_000_000, ["--env.id=corridor", "--reward.model=none", "--reward.coef_int=0"]),
}
SEEDS = (1, 2, 3)


def options_of(text):
    """"lr=0.001 clip=0.2" as options of train.*"""
    return {f"train.{name}": float(value) for name, value in (word.split("=") for word in text.split())}


# (trial, options that differ from BASE, tasks, seeds)
S3R3, ALL = ("S3R3",), ("S3R3", "DoorKey-5x5", "DoorKey-6x6", "corridor")
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
    # 3. How far returns look ahead: lambda and the two discounts.
    *((f"mb4 {text}", {**MB4, **options_of(text)}, S3R3, SEEDS) for text in (
        "lambda=0.9", "lambda=0.95", "lambda=0.98", "gamma_int=0.95", "gamma_int=0.97", "gamma=0.98 gamma_int=0.98",
        "lambda=0.95 gamma_int=0.98", "lambda=0.95 gamma=0.98 gamma_int=0.98", "gamma_int=0.9", "gamma_int=0.8", "gamma=0.95 gamma_int=0.95")),
    # 4. Steps again, from the discount that stage 3 found. KL: what holds it.
    *((f"mb4 gamma_int=0.95 {text}", {**MB4, "train.gamma_int": 0.95, **options_of(text)}, S3R3, SEEDS) for text in (
        "lr=0.001", "clip=0.2", "max_grad_norm=0.5", "lr=0.001 max_grad_norm=0.5", "clip=0.2 max_grad_norm=0.5", "batch=1024",
        "entropy=0.003", "lambda=0.95", "minibatches=1", "minibatches=2", "minibatches=8", "epochs=2", "value_coef=0.1")),
    # 5. Other tasks: a larger maze with feedback, and small ones without.
    *((f"{text}", options_of(text), ("S4R3",), (1, 2)) for text in (
        "minibatches=1", "minibatches=4", "minibatches=4 gamma_int=0.95", "minibatches=4 gamma_int=0.9", "minibatches=4 gamma_int=0.8",
        "minibatches=4 gamma_int=0.95 lr=0.001 max_grad_norm=0.5")),
    *((f"{text}", options_of(text), ("DoorKey-5x5", "DoorKey-6x6"), SEEDS) for text in (
        "batch=4096 minibatches=1", "batch=4096 minibatches=4", "batch=4096 minibatches=8", "batch=2048 minibatches=4",
        "batch=4096 minibatches=4 lr=0.001 max_grad_norm=0.5", "batch=4096 minibatches=4 lambda=0.95", "batch=4096 minibatches=4 gamma=0.95")),
    # 6. What holds the KL divergence, from a shorter discount.
    *((f"minibatches=4 gamma_int=0.9 {text}", options_of(f"minibatches=4 gamma_int=0.9 {text}"), S3R3, SEEDS) for text in (
        "kl_stop=0.02", "max_grad_norm=0.5", "lr=0.0005")),
    ("minibatches=4 gamma_int=0.9 kl_stop=0.02", options_of("minibatches=4 gamma_int=0.9 kl_stop=0.02"), ("S4R3",), (1, 2)),
    *((text, options_of(text), ("DoorKey-5x5", "DoorKey-6x6"), SEEDS) for text in ("batch=4096 minibatches=4 kl_stop=0.02",)),
    # 7. The largest maze, and NetHack.
    *((text, options_of(text), ("S6R3",), (1,)) for text in ("minibatches=4 gamma_int=0.9", "minibatches=4 gamma_int=0.95")),
    *((text, options_of(text), (NETHACK,), (1,)) for text in ("minibatches=1", "minibatches=4")),
]


def flags_of(task, options):
    base = {"train.minibatches": 1} if task == NETHACK else BASE
    return [f"--{name}={float(value):g}" for name, value in {**base, **options}.items()]


def spread(rows):
    """Mean and largest of the numbers of rows of metrics, None skipped."""
    seen = [r for r in rows if r is not None]
    return (statistics.fmean(seen), max(seen)) if seen else (None, None)


def run_one(e, trial, options, task, seed):
    most, task_flags = TASKS[task]
    name = f"{task}-{trial}-s{seed}".replace(" ", "_")
    success = 0 if task == NETHACK else 0.95
    run_dir = e.train(name, *task_flags[:1], [*task_flags[1:], f"--seed={seed}", f"--frames={most}", f"--stop.success={success}",
                                              "--metrics.every_s=1", "--metrics.panel=false", "--replay.every_episodes=0", *flags_of(task, options)])
    last = last_metrics(run_dir)
    solved = success > 0 and last.get("policy_stats/success_rate", 0) >= success
    columns = ("train/kl_divergence", "train/fraction_clipped", "train/explained_variance_ext", "train/explained_variance_int")
    kl, clipped, ext, intr = (spread(c) for c in zip(*read_metrics(run_dir, columns)))
    score = spread([s for (s,) in read_metrics(run_dir, ("policy_stats/score",))[-20:]])[0] if task == NETHACK else None
    e.keep({"trial": trial, "task": task, "seed": seed, "options": options, "solved": solved, "frames": last["env_steps"] if solved else most,
            "kl_mean": kl[0], "kl_max": kl[1], "clipped_mean": clipped[0], "clipped_max": clipped[1], "explained_ext": ext[0],
            "explained_int": intr[0], "score": score, "wall_s": last["wall_s"], "cpu_s": last["perf/cpu_s_actors"] + last["perf/cpu_s_learner"]})
    print(f"= {task} {trial} seed {seed}: {e.rows[-1]['frames'] / 1e6:.2f} M{'' if solved else ' (not solved)'}", flush=True)
    shutil.rmtree(run_dir)


def outcome(task, rows):
    """What came of each seed, and the mean."""
    if task == NETHACK:
        return ", ".join(f"{r['score']:.0f}" for r in rows), f"score {statistics.fmean(r['score'] for r in rows):.0f}"
    return (", ".join(f"{r['frames'] / 1e6:.2f}" if r["solved"] else "-" for r in rows),
            f"{statistics.fmean(r['frames'] for r in rows) / 1e6:.2f}")


def table(rows):
    lines = []
    for trial, _, tasks, _ in TRIALS:
        for task in tasks:
            mine = sorted((r for r in rows if r["trial"] == trial and r["task"] == task), key=lambda r: r["seed"])
            if mine:
                lines.append((task, trial, *outcome(task, mine),
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
