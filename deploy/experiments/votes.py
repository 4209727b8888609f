#!/usr/bin/env python3
"""What votes are worth: KeyCorridorS3R3, `hash` with labels that are wrong 20 % of the time, and 1, 3 or 5 votes per caption.

The labels are those of the rules; annotator.noise turns each vote by itself, with the training seed, so every seed has
other wrong labels. Training stops at a success rate of 0.95 over the last 400 training episodes or at the limit of
frames. Resumable: a run with its line in votes/results.jsonl is not repeated.
"""
import json
import os
import re
import subprocess

from lib import ROOT, Experiment, markdown, read_metrics, write_curve

VARIANTS = {  # name -> (probability of a wrong vote, votes)
    "no noise": (0, 1), "noise 0.2, 1 vote": (0.2, 1), "noise 0.2, 3 votes": (0.2, 3), "noise 0.2, 5 votes": (0.2, 5)}
SEEDS = (101, 102, 103, 104, 105)
CONFIG = "deploy/configs/keycorridor.yaml"
FRAMES = 8_000_000
STOP_SUCCESS = 0.95
EVAL_EPISODES = 400
EVAL_SEED = 900000  # + training seed
CURVE = ("env_steps", "wall_s", "policy_stats/success_rate", "annot/labels_total", "perf/_fps")


def count_labels(e, run_dir):
    """Labels, wrong ones among them, and votes asked for them: the annotator's own words say it."""
    out = subprocess.run(e.onic("labels", "export", run_dir), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    raws = [json.loads(line)["raw"] for line in out.splitlines()]
    votes = [re.match(r"\d+ of (\d+) votes", raw) for raw in raws]
    return {"labels": len(raws), "wrong": sum("turned by noise" in raw for raw in raws),
            "votes_asked": sum(int(v.group(1)) if v else 1 for v in votes)}


def run_one(e, variant, seed):
    noise, vote = VARIANTS[variant]
    name = f"noise{noise}-vote{vote}-s{seed}"
    flags = [f"--seed={seed}", "--reward.model=hash", "--annotator.id=rules", f"--annotator.noise={noise}", f"--annotator.vote={vote}",
             f"--annotator.seed={seed}", f"--frames={FRAMES}", f"--stop.success={STOP_SUCCESS}", "--stop.wall_s=0",
             "--metrics.panel=false", "--replay.every_episodes=0"]
    run_dir = e.train(name, CONFIG, flags)
    ev = e.evaluate(run_dir, f"--episodes={EVAL_EPISODES}", f"--seed={EVAL_SEED + seed}")
    curve = read_metrics(run_dir, CURVE)
    write_curve(os.path.join(e.out, f"{name}.tsv"), CURVE, curve)
    e.keep({"variant": variant, "noise": noise, "vote": vote, "seed": seed, "success": ev["success_rate"]["mean"],
            "success_ci95": ev["success_rate"]["ci95"], "trained_env_steps": ev["trained_env_steps"],
            "stopped_at_0.95": ev["trained_env_steps"] < FRAMES, "train_wall_s": curve[-1][1], **count_labels(e, run_dir),
            "eval_seed": EVAL_SEED + seed, "curve": f"{name}.tsv"})
    r = e.rows[-1]
    print(f"= {variant}, seed {seed}: success {r['success']:.3f} after {r['trained_env_steps'] / 1e6:.2f} M frames, "
          f"{r['wrong']} of {r['labels']} labels wrong", flush=True)


def each(rows, variant):
    return sorted((r for r in rows if r["variant"] == variant), key=lambda r: r["seed"])


def table(rows):
    lines = []
    for variant in VARIANTS:
        mine = each(rows, variant)
        if mine:
            labels = sum(r["labels"] for r in mine)
            lines.append((variant, f"{sum(r['wrong'] for r in mine) / labels:.3f}", f"{sum(r['votes_asked'] for r in mine) / labels:.2f}",
                          ", ".join(f"{r['trained_env_steps'] / 1e6:.2f}" + ("" if r["stopped_at_0.95"] else "*") for r in mine),
                          ", ".join(f"{r['success']:.3f}" for r in mine)))
    return markdown(("labels", "wrong", "votes per label", "frames (M) to 0.95 in training, per seed", "success per seed"), lines) + \
        f"\n\\* did not reach it within {FRAMES / 1e6:.0f} M frames.\n"


def main():
    e = Experiment("votes", __doc__)
    e.parser.add_argument("--seed", action="append", type=int, help="these seeds only")
    args = e.start()
    for seed in [] if args.plot else args.seed or SEEDS:
        for variant in VARIANTS:
            if not e.find(variant=variant, seed=seed):
                run_one(e, variant, seed)
    e.write_table(table(e.rows))
    if e.rows:
        e.plot({"KeyCorridorS3R3": {v: [r["curve"] for r in each(e.rows, v)] for v in VARIANTS if each(e.rows, v)}},
               "million frames", "success rate (training)", yrange="-0.02:1.02")


if __name__ == "__main__":
    main()
