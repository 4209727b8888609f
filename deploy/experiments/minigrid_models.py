#!/usr/bin/env python3
"""Every reward model on MiniGrid's hardest worlds: KeyCorridorS6R3 and ObstructedMaze-Full.

The same options for all, changing only reward model, annotator and, for the language-free bonuses, the coefficient; a
fixed number of frames, no early stop. Success is that of `onic eval --episodes 400`, sampled actions, with a seed that
training never used. Resumable: a run with its line in minigrid_models/results.jsonl is not repeated.
"""
import os

from lib import Experiment, last_metrics, markdown, read_metrics, write_curve

# environment -> (config, frames, seeds, variants)
WORLDS = {
    "KeyCorridorS6R3": ("deploy/configs/keycorridor_s6r3.yaml", 50_000_000, (1, 2, 3),
                        ("hash", "classifier", "ranking", "similarity", "hash+random", "counts", "rnd", "none")),
    "ObstructedMaze-Full": ("deploy/configs/obstructedmaze_full.yaml", 200_000_000, (1,), ("hash", "classifier", "none")),
}
EMBEDDING = "--annotator.id=embedding"
FLAGS = {
    "hash": ["--reward.model=hash", EMBEDDING],
    "classifier": ["--reward.model=classifier", EMBEDDING],
    "ranking": ["--reward.model=ranking", EMBEDDING],
    "similarity": ["--reward.model=similarity", EMBEDDING],
    "hash+random": ["--reward.model=hash", "--annotator.id=random"],
    "counts": ["--reward.model=counts", "--reward.coef_int=0.01"],
    "rnd": ["--reward.model=rnd", "--reward.coef_int=0.01"],
    "none": ["--reward.model=none", "--reward.coef_int=0"],
}
EVAL_EPISODES = 400
EVAL_SEED = 900000  # + training seed
CURVE = ("env_steps", "wall_s", "policy_stats/success_rate", "intrinsic/share", "reward_model/heldout_accuracy", "perf/_fps")


def solved_at(curve):
    """Frames at which the success in training reaches 0.9 and stays there for five lines of metrics: the first episodes to
    end are the short, solved ones."""
    good = [(r[2] or 0) >= 0.9 for r in curve]
    return next((curve[i][0] for i in range(len(curve) - 4) if all(good[i:i + 5])), None)


def run_one(e, world, variant, seed):
    config, frames, _, _ = WORLDS[world]
    name = f"{world}-{variant.replace('+', '-')}-s{seed}"
    run_dir = e.train(name, config, [f"--seed={seed}", f"--frames={frames}", "--stop.success=0", "--stop.wall_s=0", *FLAGS[variant]], frames)
    ev = e.evaluate(run_dir, f"--episodes={EVAL_EPISODES}", f"--seed={EVAL_SEED + seed}")
    curve, last = read_metrics(run_dir, CURVE), last_metrics(run_dir)
    write_curve(os.path.join(e.out, f"{name}.tsv"), CURVE, curve)
    e.keep({"world": world, "variant": variant, "seed": seed, "success": ev["success_rate"]["mean"],
            "success_ci95": ev["success_rate"]["ci95"], "length": ev["length"]["mean"],
            "trained_env_steps": ev["trained_env_steps"], "frames_to_0.9": solved_at(curve), "train_wall_s": curve[-1][1],
            "labels": last.get("annot/labels_total"), "heldout_accuracy": last.get("reward_model/heldout_accuracy"),
            "eval_seed": EVAL_SEED + seed, "curve": f"{name}.tsv"})
    print(f"= {world} {variant} seed {seed}: success {e.rows[-1]['success']:.3f}", flush=True)


def each(rows, world, variant):
    return sorted((r for r in rows if r["world"] == world and r["variant"] == variant), key=lambda r: r["seed"])


def table(rows):
    lines = []
    for world, (_, _, _, variants) in WORLDS.items():
        for variant in variants:
            mine = each(rows, world, variant)
            if mine:
                lines.append((world, variant, ", ".join(f"{r['success']:.3f}" for r in mine),
                              ", ".join(f"{r['frames_to_0.9'] / 1e6:.1f}" if r["frames_to_0.9"] else "-" for r in mine),
                              ", ".join(f"{r['trained_env_steps'] / 1e6:.0f}" for r in mine),
                              ", ".join(f"{r['labels'] or 0:.0f}" for r in mine)))
    return markdown(("environment", "reward", "success per seed", "frames (M) to 0.9 in training", "frames (M)", "labels"), lines)


def main():
    e = Experiment("minigrid_models", __doc__)
    e.parser.add_argument("--only", choices=WORLDS, help="one environment only")
    e.parser.add_argument("--variant", action="append", choices=FLAGS, help="these reward models only")
    e.parser.add_argument("--seed", action="append", type=int, help="these seeds only")
    args = e.start()
    for world in [] if args.plot else ([args.only] if args.only else WORLDS):
        _, _, seeds, variants = WORLDS[world]
        for seed in seeds:
            for variant in variants:
                wanted = (not args.variant or variant in args.variant) and (not args.seed or seed in args.seed)
                if wanted and not e.find(world=world, variant=variant, seed=seed):
                    run_one(e, world, variant, seed)
    e.write_table(table(e.rows))
    panels = {w: {v: [r["curve"] for r in each(e.rows, w, v)] for v in WORLDS[w][3] if each(e.rows, w, v)}
              for w in WORLDS if any(r["world"] == w for r in e.rows)}
    if panels:
        e.plot(panels, "million frames", "success rate (training)", yrange="-0.02:1.02", key="center right")


if __name__ == "__main__":
    main()
