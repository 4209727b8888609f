#!/usr/bin/env python3
"""Reward models and goals on real NetHack with the compact network and the embedded language model.

  score    task Score with none, hash, classifier, ranking, 10 million frames each; classifier also with four times its
           default share of the learner's time and smaller batches (classifier-trained)
  stairs   task StaircaseLvl2 with none and the best of them (--best), 20 million frames each
  free     no reward of the game: goals gold, combat, stairs, 10 million frames each
  check    has a new learner made anything worse? Task Score with none, hash, classifier and ranking, defaults, 3 million frames,
           seeds 201 and 202, 200 evaluation games

Each other result is 1000 evaluation games (free: of the same reward-free task), sampled actions, a seed training never used.
Resumable: a run with its line in nethack_models/results.jsonl is not repeated.
"""
import os

from lib import Experiment, last_metrics, markdown, read_metrics, write_curve

CONFIG = "deploy/configs/nethack_score.yaml"
EVAL_EPISODES = 1000
EVAL_SEED = 1000003
STATS = ("score", "max_depth", "gold", "kills", "xlevel", "scout")
CURVE = ("env_steps", "wall_s", *(f"policy_stats/{s}" for s in STATS), "intrinsic/share", "annot/labels_total", "perf/_fps", "policy_stats/success_rate")
LANGUAGE = ["--annotator.id=embedding"]
MODELS = {
    "none": ["--reward.model=none", "--reward.coef_int=0"],
    "hash": ["--reward.model=hash", *LANGUAGE],
    "classifier": ["--reward.model=classifier", *LANGUAGE],
    "classifier-trained": ["--reward.model=classifier", "--reward.train_share=0.2", "--reward.batch=64", *LANGUAGE],
    "ranking": ["--reward.model=ranking", *LANGUAGE],
}
ORDER = ("random", "score", "stairs", "free", "check")
CHECK_SEEDS, CHECK_EPISODES = (201, 202), 200
MODEL = ("train_steps", "heldout_accuracy", "heldout_auc")


def plan(best):
    """(part, variant, frames, flags, seed) of every run."""
    runs = [("score", m, 10_000_000, ["--env.id=nethack:Score", *f]) for m, f in MODELS.items()]
    stairs = ["--env.id=nethack:StaircaseLvl2", "--reward.scale=0.1", "--annotator.goal=stairs"]
    runs += [("stairs", m, 20_000_000, [*stairs, *MODELS[m]]) for m in ("none", best)]
    free = ["--env.id=nethack:RewardFree", "--reward.coef_ext=0", *MODELS[best]]
    runs += [("free", g, 10_000_000, [*free, f"--annotator.goal={g}"]) for g in ("gold", "combat", "stairs")]
    check = [("check", m, 3_000_000, ["--env.id=nethack:Score", *MODELS[m]], seed)
             for seed in CHECK_SEEDS for m in ("none", "hash", "classifier", "ranking")]
    return [(*run, 1) for run in runs] + check


def run_one(e, part, variant, frames, flags, seed):
    name = f"{part}-{variant}-s{seed}"
    run_dir = e.train(name, CONFIG, [f"--seed={seed}", f"--frames={frames}", *flags], frames)
    episodes = CHECK_EPISODES if part == "check" else EVAL_EPISODES
    ev = e.evaluate(run_dir, f"--episodes={episodes}", f"--seed={EVAL_SEED}")
    write_curve(os.path.join(e.out, f"{name}.tsv"), CURVE, read_metrics(run_dir, CURVE))
    last = last_metrics(run_dir)
    row = {"part": part, "variant": variant, "seed": seed, "episodes": episodes, "trained_env_steps": ev["trained_env_steps"],
           "success": (ev["success_rate"] or {}).get("mean"), "stats": {s: ev["stats"][s] for s in STATS},
           "length": ev["length"]["mean"], "labels": last.get("annot/labels_total"),
           "intrinsic_share": last.get("intrinsic/share"),
           "paid_fraction": last.get("intrinsic/paid_fraction"), "reward_model": {k: last.get(f"reward_model/{k}") for k in MODEL},
           "train_wall_s": last.get("wall_s"), "curve": f"{name}.tsv"}
    e.keep(row)
    print(f"= {part} {variant}: " + ", ".join(f"{s} {row['stats'][s]['mean']:.3f}" for s in STATS), flush=True)


def random_play(e):
    """Uniform random play of the reward-free task: the floor of every measure."""
    if not e.find(part="random", variant="uniform"):
        ev = e.evaluate("--random", "--env.id=nethack:RewardFree", f"--episodes={EVAL_EPISODES}", f"--seed={EVAL_SEED}")
        e.keep({"part": "random", "variant": "uniform", "trained_env_steps": 0, "success": None,
                "stats": {s: ev["stats"][s] for s in STATS}, "length": ev["length"]["mean"]})


def table(rows):
    rows = sorted(rows, key=lambda r: ORDER.index(r["part"]))
    lines = [(r["part"], r["variant"], r.get("seed", ""), f"{r['trained_env_steps'] / 1e6:.0f}",
              "" if r["success"] is None else f"{r['success']:.3f}",
              *(f"{r['stats'][s]['mean']:.2f}" for s in STATS)) for r in rows]
    return markdown(("part", "reward or goal", "seed", "frames (M)", "success", *STATS), lines)


def main():
    e = Experiment("nethack_models", __doc__)
    e.parser.add_argument("--best", choices=[m for m in MODELS if m != "none"], default="hash",
                          help="reward model of the parts stairs and free")
    e.parser.add_argument("--part", action="append", choices=("score", "stairs", "free", "check"), help="these parts only")
    e.parser.add_argument("--variant", action="append", help="these reward models or goals only")
    args = e.start()
    if not args.plot:
        random_play(e)
        for part, variant, frames, flags, seed in plan(args.best):
            wanted = (not args.part or part in args.part) and (not args.variant or variant in args.variant)
            if wanted and not e.find(part=part, variant=variant, seed=seed):
                run_one(e, part, variant, frames, flags, seed)
    e.write_table(table(e.rows))
    panels = {part: {r["variant"]: [r["curve"]] for r in e.rows if r["part"] == part} for part in ("score", "stairs", "free")
              if any(r["part"] == part for r in e.rows)}
    if panels:
        measure = {p: (3, "in-game score (training)") for p in panels} | {"stairs": (12, "success rate (training)")}
        e.plot(panels, "million frames", {p: m[1] for p, m in measure.items()}, {p: f"($1/1e6):{m[0]}" for p, m in measure.items()})


if __name__ == "__main__":
    main()
