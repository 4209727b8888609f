#!/usr/bin/env python3
"""Is it the labels that help, or that messages are paid at all? Right labels (rules) against labels drawn by a coin, and none.

Tasks, budgets and seeds stand in TASKS and SEEDS and were committed before the first run (S6R3 after the other two had run);
budgets were chosen on seed 1, so that right labels have just got there. Final success is that of `onic eval --episodes 400`
with sampled actions and seeds that training never used; the second measure is frames until a training success of 0.9 (a run
that never got there counts as the whole budget). Interquartile means with stratified bootstrap intervals (rliable's
definitions) over five held-out seeds.
Resumable: a run with its line in minigrid_controls/results.jsonl is not repeated.
"""
import shutil

from lib import Experiment, interval_text, last_metrics, markdown, reached_at, read_metrics

SEEDS = (101, 102, 103, 104, 105)
# task -> frames. Half of the messages are helpful for the rules on these tasks (0.49 and 0.53), so one coin is both controls: a fair
# one, and one of the right labels' share.
TASKS = {"KeyCorridorS4R3": 3_500_000, "ObstructedMaze-2Dlhb": 4_500_000, "KeyCorridorS6R3": 7_000_000}
VARIANTS = {
    "none": ["--reward.model=none", "--reward.coef_int=0"],
    "hash": ["--reward.model=hash", "--annotator.id=rules"],
    "hash+coin": ["--reward.model=hash", "--annotator.id=random"],
}
EVAL_EPISODES = 400
EVAL_SEED = 900000  # + training seed
CURVE = ("env_steps", "policy_stats/success_rate")


def config_of(task):
    return f"deploy/configs/keycorridor_{task[-4:].lower()}.yaml" if task.startswith("Key") else "deploy/configs/obstructedmaze_full.yaml"


def run_one(e, task, variant, flags, seed, frames):
    name = f"{task}-{variant.replace(' ', '').replace('+', '-')}-s{seed}"
    # the coin is drawn anew for each seed
    run_dir = e.train(name, config_of(task), [f"--env.id=minigrid:{task}", f"--seed={seed}", f"--annotator.seed={seed}", f"--frames={frames}",
                                              "--stop.success=0", "--metrics.every_s=1", "--metrics.panel=false",
                                              "--replay.every_episodes=0", *flags], frames)
    ev = e.evaluate(run_dir, f"--episodes={EVAL_EPISODES}", f"--seed={EVAL_SEED + seed}")
    curve, last = read_metrics(run_dir, CURVE), last_metrics(run_dir)
    e.keep({"task": task, "variant": variant, "seed": seed, "frames": frames, "success": ev["success_rate"]["mean"],
            "length": ev["length"]["mean"], "training_success": last.get("policy_stats/success_rate"), "frames_to_0.9": reached_at(curve, 0.9),
            "label_positive": last.get("annot/label_positive"), "wall_s": last["wall_s"]})
    print(f"= {task} {variant} seed {seed}: success {e.rows[-1]['success']:.3f}", flush=True)
    shutil.rmtree(run_dir)


def table(rows):
    lines = []
    for task, frames in TASKS.items():
        for variant in VARIANTS:
            mine = sorted((r for r in rows if r["task"] == task and r["variant"] == variant), key=lambda r: r["seed"])
            if mine:
                to = [(r["frames_to_0.9"] or frames) / 1e6 for r in mine]
                lines.append((task, f"{frames / 1e6:g}", variant, ", ".join(f"{r['success']:.3f}" for r in mine),
                              interval_text([r["success"] for r in mine]),
                              ", ".join(f"{t:.1f}" if r["frames_to_0.9"] else "-" for t, r in zip(to, mine)), interval_text(to)))
    return markdown(("task", "frames (M)", "labels", "success per seed", "interquartile mean [95 %]", "frames (M) to 0.9 in training",
                     "interquartile mean [95 %]"), lines)


def main():
    e = Experiment("minigrid_controls", __doc__)
    e.parser.add_argument("--task", action="append", choices=TASKS, help="these tasks only")
    args = e.start()
    for task, frames in [] if args.plot else TASKS.items():
        for seed in SEEDS:
            for variant, flags in VARIANTS.items():
                if (not args.task or task in args.task) and not e.find(task=task, variant=variant, seed=seed):
                    run_one(e, task, variant, flags, seed, frames)
    e.write_table(table(e.rows))


if __name__ == "__main__":
    main()
