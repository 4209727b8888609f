#!/usr/bin/env python3
"""Every reward model on MiniGrid: KeyCorridor S3R3, S4R3 and S6R3, and the hardest level of the package, ObstructedMaze-Full.

The same options for all, changing only reward model, annotator and, for the bonuses without language, the coefficient;
tasks, frames and seeds stand below and were committed before the first run. Training stops at the success of the task's
configuration or at its frames. Success is that of `onic eval --episodes 400`, sampled actions, with a seed that training
never used; the second measure is frames until a training success of 0.9 (a run that never got there counts as all its
frames). Interquartile means with stratified bootstrap intervals (rliable's definitions) over five held-out seeds.
Resumable: a run with its line in minigrid_models/results.jsonl is not repeated.
"""
import os
import shutil

from lib import Experiment, interval_text, last_metrics, markdown, reached_at, read_metrics, write_curve

SEEDS = (101, 102, 103, 104, 105)
MODELS = ("hash", "classifier", "ranking", "similarity", "hash+coin", "counts", "rnd", "none")
MAZES = MODELS + ("ranking+share",)
# environment -> (config, frames at most, variants). About half of the messages are helpful for the sentence model on all of them, so
# one coin is both controls: a fair one, and one of the right labels' share.
WORLDS = {
    "KeyCorridorS3R3": ("deploy/configs/keycorridor.yaml", 4_000_000, MAZES),
    "KeyCorridorS4R3": ("deploy/configs/keycorridor_s4r3.yaml", 10_000_000, MAZES),
    "KeyCorridorS6R3": ("deploy/configs/keycorridor_s6r3.yaml", 20_000_000, MODELS),
    "ObstructedMaze-Full": ("deploy/configs/obstructedmaze_full.yaml", 100_000_000, ("hash", "classifier", "hash+coin", "none")),
}
EMBEDDING = "--annotator.id=embedding"
FLAGS = {
    "hash": ["--reward.model=hash", EMBEDDING],
    "classifier": ["--reward.model=classifier", EMBEDDING],
    "ranking": ["--reward.model=ranking", EMBEDDING],
    # what it paid by default when this was measured: the best tenth of the last steps
    "ranking+share": ["--reward.model=ranking", "--reward.quantile=0.05", "--reward.pay_share=0.1", EMBEDDING],
    "similarity": ["--reward.model=similarity", EMBEDDING],
    "hash+coin": ["--reward.model=hash", "--annotator.id=random"],
    "counts": ["--reward.model=counts", "--reward.coef_int=0.01"],
    "rnd": ["--reward.model=rnd", "--reward.coef_int=0.01"],
    "none": ["--reward.model=none", "--reward.coef_int=0"],
}
EVAL_EPISODES = 400
EVAL_SEED = 900000  # + training seed
CURVE = ("env_steps", "policy_stats/success_rate", "intrinsic/share", "reward_model/heldout_accuracy")


def run_one(e, world, variant, seed):
    config, frames, _ = WORLDS[world]
    name = f"{world}-{variant.replace('+', '-')}-s{seed}"
    # the coin is drawn anew for each seed
    run_dir = e.train(name, config, [f"--seed={seed}", f"--annotator.seed={seed}", f"--frames={frames}", "--stop.wall_s=0",
                                     "--metrics.every_s=0.5", "--metrics.panel=false", "--replay.every_episodes=0", *FLAGS[variant]])
    curve, last = read_metrics(run_dir, CURVE), last_metrics(run_dir)
    e.finished(run_dir, frames, solved=(last.get("policy_stats/success_rate") or 0) >= 0.97)
    ev = e.evaluate(run_dir, f"--episodes={EVAL_EPISODES}", f"--seed={EVAL_SEED + seed}")
    write_curve(os.path.join(e.out, f"{name}.tsv"), CURVE, curve)
    e.keep({"world": world, "variant": variant, "seed": seed, "success": ev["success_rate"]["mean"], "length": ev["length"]["mean"],
            "trained_env_steps": ev["trained_env_steps"], "frames_to_0.9": reached_at(curve, 0.9), "labels": last.get("annot/labels_total"),
            "label_positive": last.get("annot/label_positive"), "intrinsic_share": last.get("intrinsic/share"),
            "heldout_accuracy": last.get("reward_model/heldout_accuracy"), "wall_s": last["wall_s"], "curve": f"{name}.tsv"})
    print(f"= {world} {variant} seed {seed}: success {e.rows[-1]['success']:.3f} after {ev['trained_env_steps'] / 1e6:.1f} M frames", flush=True)
    shutil.rmtree(run_dir)


def each(rows, world, variant):
    return sorted((r for r in rows if r["world"] == world and r["variant"] == variant), key=lambda r: r["seed"])


def table(rows):
    lines = []
    for world, (_, frames, variants) in WORLDS.items():
        for variant in variants:
            mine = each(rows, world, variant)
            if mine:
                to = [(r["frames_to_0.9"] or frames) / 1e6 for r in mine]
                lines.append((world, variant, ", ".join(f"{r['success']:.3f}" for r in mine), interval_text([r["success"] for r in mine]),
                              ", ".join(f"{t:.1f}" if r["frames_to_0.9"] else f"- ({frames / 1e6:g})" for t, r in zip(to, mine)),
                              interval_text(to), ", ".join(f"{r['labels'] or 0:.0f}" for r in mine)))
    return markdown(("environment", "reward", "success per seed", "interquartile mean [95 %]", "frames (M) to 0.9 in training",
                     "interquartile mean [95 %]", "labels"), lines)


def main():
    e = Experiment("minigrid_models", __doc__)
    e.parser.add_argument("--only", choices=WORLDS, help="one environment only")
    e.parser.add_argument("--variant", action="append", choices=FLAGS, help="these reward models only")
    args = e.start()
    for world in [] if args.plot else ([args.only] if args.only else WORLDS):
        for seed in SEEDS:
            for variant in WORLDS[world][2]:
                if (not args.variant or variant in args.variant) and not e.find(world=world, variant=variant, seed=seed):
                    run_one(e, world, variant, seed)
    e.write_table(table(e.rows))
    panels = {w: {v: [r["curve"] for r in each(e.rows, w, v)] for v in WORLDS[w][2] if each(e.rows, w, v)}
              for w in WORLDS if any(r["world"] == w for r in e.rows)}
    if panels:
        e.plot(panels, "million frames", "success rate (training)", "($1/1e6):2", yrange="-0.02:1.02", key="center right")


if __name__ == "__main__":
    main()
