#!/usr/bin/env python3
"""What the defaults reach on seeds on which nothing was chosen (101 to 105), and whether value scales still matter.

  solve   frames until a training success of 0.95: the learner of 0.1.0, with normalised values, and as it is now
  unit    KeyCorridorS3R3, reward clips off, both streams in another unit: 0.01 and 100 against 1, paired by seed
  ext10   KeyCorridorS3R3 with reward.coef_ext=10, the extrinsic weight of ONI's staircases: success, KL, explained variance

A run that has not succeeded within its frames counts with these and is marked. Resumable: a run with its line in
minigrid_defaults/results.jsonl is not repeated. The interval of a mean is Student's, over seeds.
"""
import os
import shutil
import statistics

from lib import Experiment, last_metrics, markdown, mean_interval, read_metrics

SEEDS = (101, 102, 103, 104, 105)
SUCCESS = 0.95
S3R3 = "deploy/configs/keycorridor.yaml"
RULES, NONE = "--annotator.id=rules", ["--reward.model=none", "--reward.coef_int=0"]
# What the options that the search changed were before; `0.1.0` did not normalise values either.
NORMALISED = ["--train.lr=7e-4", "--train.minibatches=1", "--train.max_grad_norm=4", "--train.gamma_int=0.99", "--train.gamma=0.99",
              "--train.value_norm=0.03", "--train.value_coef=0.05", "--train.clip=0.1"]
LEARNERS = {"0.1.0": [*NORMALISED, "--train.value_norm=0", "--train.value_coef=0.5"], "normalised": NORMALISED, "now": []}
TASKS = {  # task -> (frames at most, flags)
    "KeyCorridorS3R3, rules": (5_000_000, [S3R3, RULES]),
    "KeyCorridorS3R3, embedding": (5_000_000, [S3R3, "--annotator.id=embedding"]),
    "DoorKey-5x5, none": (2_000_000, ["--env.id=minigrid:DoorKey-5x5", *NONE]),
    "DoorKey-6x6, none": (3_000_000, ["--env.id=minigrid:DoorKey-6x6", *NONE]),
    "corridor": (1_000_000, ["deploy/configs/corridor.yaml", RULES]),
}


def in_unit(scale):
    return ["--reward.clip=0", "--reward.int_clip=0", f"--reward.scale={scale:g}", f"--reward.shaping=scale:{scale:g},count"]


def trials():
    """(part, task, variant, frames at most, flags)"""
    for task, (most, flags) in TASKS.items():
        for learner, old in LEARNERS.items():
            yield "solve", task, learner, most, [*flags, *old]
    for scale in (1, 0.01, 100):
        yield "unit", "KeyCorridorS3R3, rules", f"{scale:g}", 5_000_000, [S3R3, RULES, *in_unit(scale)]
    yield "ext10", "KeyCorridorS3R3, rules", "coef_ext=10", 5_000_000, [S3R3, RULES, "--reward.coef_ext=10"]
    yield "ext10", "KeyCorridorS3R3, rules", "coef_ext=10 coef_int=2", 5_000_000, [S3R3, RULES, "--reward.coef_ext=10", "--reward.coef_int=2"]


def seen(run_dir, metric):
    return [v for (v,) in read_metrics(run_dir, (metric,)) if v is not None]


def run_one(e, part, task, variant, most, flags, seed):
    name = f"{part}-{task}-{variant}-s{seed}".replace(", ", "-").replace(" ", "-").replace("=", "")
    run_dir = e.train(name, flags[0], [*flags[1:], f"--seed={seed}", f"--frames={most}", f"--stop.success={SUCCESS}", "--metrics.every_s=1",
                                       "--metrics.panel=false", "--replay.every_episodes=0"])
    last = last_metrics(run_dir)
    solved = last.get("policy_stats/success_rate", 0) >= SUCCESS
    kl, clipped = seen(run_dir, "train/kl_divergence"), seen(run_dir, "train/fraction_clipped")
    e.keep({"part": part, "task": task, "variant": variant, "seed": seed, "solved": solved, "frames": last["env_steps"] if solved else most,
            "success": last.get("policy_stats/success_rate"), "kl_mean": statistics.fmean(kl), "kl_max": max(kl),
            "clipped_mean": statistics.fmean(clipped), "explained_ext": last.get("train/explained_variance_ext"),
            "explained_int": last.get("train/explained_variance_int"), "nonfinite": last.get("train/nonfinite_updates"),
            "wall_s": last["wall_s"], "cpu_s": last["perf/cpu_s_actors"] + last["perf/cpu_s_learner"]})
    print(f"= {part} {task} {variant} seed {seed}: {e.rows[-1]['frames'] / 1e6:.2f} M{'' if solved else ' (not solved)'}", flush=True)
    shutil.rmtree(run_dir)


def each(rows, part, task, variant):
    return sorted((r for r in rows if (r["part"], r["task"], r["variant"]) == (part, task, variant)), key=lambda r: r["seed"])


def mean_text(values):
    mean, low, high = mean_interval(values)
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]" if len(values) > 1 else f"{mean:.2f}"


def optional(values, form):
    values = [v for v in values if v is not None]
    return format(statistics.fmean(values), form) if values else "-"


def table(rows):
    lines, pairs = [], []
    for part, task, variant, _, _ in trials():
        mine = each(rows, part, task, variant)
        if mine:
            lines.append((part, task, variant, ", ".join(f"{r['frames'] / 1e6:.2f}{'' if r['solved'] else ' (not)'}" for r in mine),
                          mean_text([r["frames"] / 1e6 for r in mine]), f"{statistics.fmean(r['kl_mean'] for r in mine):.4f}",
                          f"{max(r['kl_max'] for r in mine):.3f}", f"{100 * statistics.fmean(r['clipped_mean'] for r in mine):.1f} %",
                          optional([r["explained_ext"] for r in mine], ".2f"), optional([r["explained_int"] for r in mine], ".2f"),
                          f"{statistics.fmean(r['cpu_s'] / r['frames'] for r in mine) * 1e6:.1f}"))
    for scale in ("0.01", "100"):
        one = {r["seed"]: r["frames"] for r in each(rows, "unit", "KeyCorridorS3R3, rules", "1")}
        other = {r["seed"]: r["frames"] for r in each(rows, "unit", "KeyCorridorS3R3, rules", scale)}
        both = [(other[s] - one[s]) / 1e6 for s in one if s in other]
        if len(both) > 1:
            pairs.append((scale, ", ".join(f"{d:+.2f}" for d in both), mean_text(both)))
    return (markdown(("part", "task", "variant", "frames (M) to 0.95 per seed", "mean [95 %]", "KL mean", "KL largest", "clipped",
                      "explained ext", "explained int", "CPU s per M frames"), lines) + "\n" +
            markdown(("unit", "frames (M) more than with unit 1, per seed", "mean [95 %]"), pairs))


def main():
    e = Experiment("minigrid_defaults", __doc__)
    e.parser.add_argument("--part", choices=("solve", "unit", "ext10"), action="append", help="these parts only")
    args = e.start()
    for seed in [] if args.plot else SEEDS:
        for part, task, variant, most, flags in trials():
            if (not args.part or part in args.part) and not e.find(part=part, task=task, variant=variant, seed=seed):
                run_one(e, part, task, variant, most, flags, seed)
    e.write_table(table(e.rows))


if __name__ == "__main__":
    main()
