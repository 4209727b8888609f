#!/usr/bin/env python3
"""KeyCorridor with and without language feedback: all runs, numbers and the picture of the README.

Resumable: a run that has its line in results.jsonl is not repeated; a run that was cut goes on where its
checkpoint is. Needs a built tree (deploy/quickstart.sh) and gnuplot for the picture. Python's standard library only.

Rules of the comparison: evaluation seeds are never used in training; nothing is tuned on them nor on the training seeds; `none` and `counts` get
the number of frames that the slowest language run of the same size needed.
"""
import os

from lib import Experiment, markdown, read_metrics, write_curve

SEEDS = (101, 102, 103, 104, 105)  # defaults were chosen on 1 to 3
# size -> (config, seconds of training allowed, seeds)
SIZES = {
    "S3R3": ("deploy/configs/keycorridor.yaml", 120, SEEDS),
    "S4R3": ("deploy/configs/keycorridor_s4r3.yaml", 360, SEEDS),
    "S6R3": ("deploy/configs/keycorridor_s6r3.yaml", 600, SEEDS),
}
LANGUAGE = ("hash+embedding", "hash+rules")
BASELINES = ("none", "counts")
FLAGS = {
    "hash+embedding": ["--reward.model=hash", "--annotator.id=embedding"],
    "hash+rules": ["--reward.model=hash", "--annotator.id=rules"],
    "none": ["--reward.model=none", "--reward.coef_int=0"],
    "counts": ["--reward.model=counts", "--reward.coef_int=0.01"],
}
STOP_SUCCESS = {"S3R3": 0.99, "S4R3": 0.99, "S6R3": 0.97}  # over the last 400 training episodes
EVAL_EPISODES = 400
EVAL_SEED = 900000  # + training seed
CURVE = ("env_steps", "wall_s", "policy_stats/success_rate", "reward/reward", "perf/_fps")


def run_one(e, size, variant, seed, frames=None):
    config, seconds, _ = SIZES[size]
    name = f"{size}-{variant.replace('+', '-')}-s{seed}"
    flags = [f"--seed={seed}", *FLAGS[variant]]
    if frames is None:
        flags += [f"--stop.wall_s={seconds}", f"--stop.success={STOP_SUCCESS[size]}", "--frames=1000000000"]
    else:
        flags += [f"--frames={frames}", "--stop.success=0", "--stop.wall_s=0"]
    run_dir = e.train(name, config, flags)
    ev = e.evaluate(run_dir, f"--episodes={EVAL_EPISODES}", f"--seed={EVAL_SEED + seed}")
    curve = read_metrics(run_dir, CURVE)
    write_curve(os.path.join(e.out, f"{name}.tsv"), CURVE, curve)
    row = {"size": size, "variant": variant, "seed": seed, "success": ev["success_rate"]["mean"],
           "success_ci95": ev["success_rate"]["ci95"], "return": ev["return"]["mean"],
           "length": ev["length"]["mean"], "trained_env_steps": ev["trained_env_steps"],
           "train_wall_s": curve[-1][1], "fps": curve[-1][0] / max(curve[-1][1], 1e-9),
           "eval_seed": EVAL_SEED + seed, "curve": f"{name}.tsv"}
    e.keep(row)
    print(f"= {size} {variant} seed {seed}: success {row['success']:.3f} after {row['train_wall_s']:.0f} s, "
          f"{row['trained_env_steps'] / 1e6:.2f} M frames, {row['fps'] / 1e3:.0f} k frames/s", flush=True)


def each(rows, size, variant):
    return sorted((r for r in rows if r["size"] == size and r["variant"] == variant), key=lambda r: r["seed"])


def table(rows):
    lines = []
    for size in SIZES:
        for variant in LANGUAGE + BASELINES:
            mine = each(rows, size, variant)
            if mine:
                lines.append((f"KeyCorridor{size}", variant, ", ".join(f"{r['success']:.3f}" for r in mine),
                              ", ".join(f"{r['trained_env_steps'] / 1e6:.2f}" for r in mine),
                              ", ".join(f"{r['train_wall_s']:.0f}" for r in mine)))
    return markdown(("environment", "reward", "success per seed", "frames (M) per seed", "training seconds per seed"), lines)


def main():
    e = Experiment("keycorridor", __doc__)
    e.parser.add_argument("--only", choices=SIZES, help="one size only")
    e.parser.add_argument("--language-only", action="store_true", help="leave the baselines out")
    args = e.start()
    for size in [] if args.plot else ([args.only] if args.only else SIZES):
        for variant in LANGUAGE:
            for seed in SIZES[size][2]:
                if not e.find(size=size, variant=variant, seed=seed):
                    run_one(e, size, variant, seed)
        if args.language_only:
            continue
        frames = max(r["trained_env_steps"] for r in e.rows if r["size"] == size and r["variant"] in LANGUAGE)
        for variant in BASELINES:
            for seed in SIZES[size][2]:
                if not e.find(size=size, variant=variant, seed=seed):
                    run_one(e, size, variant, seed, frames)
    e.write_table(table(e.rows))
    panels = {f"KeyCorridor{size}": {v: [r["curve"] for r in each(e.rows, size, v)] for v in LANGUAGE + BASELINES
                                     if each(e.rows, size, v)} for size in SIZES if any(r["size"] == size for r in e.rows)}
    if panels:
        e.plot(panels, "million frames", "success rate (training)", yrange="-0.02:1.02")


if __name__ == "__main__":
    main()
