#!/usr/bin/env python3
"""Does novelty solve what the task's own reward does not? MultiRoom-N4-S5 (three doors, 80 steps, nothing is paid before the goal):
`none` and `rnd`, frames until a training success of 0.95.

A run that has not succeeded within its frames counts with these. Resumable: a run with its line in rnd_multiroom/results.jsonl
is not repeated.
"""
from lib import Experiment, last_metrics, markdown

SEEDS, MOST, SUCCESS = (101, 102, 103, 104, 105), 4_000_000, 0.95
FLAGS = ["--env.id=minigrid:MultiRoom-N4-S5", "--train.gamma_int=0.99"]
MODELS = {"none": ["--reward.model=none", "--reward.coef_int=0"], "rnd": ["--reward.model=rnd", "--reward.coef_int=0.2"]}


def run_one(e, model, flags, seed):
    run_dir = e.train(f"{model}-s{seed}", "deploy/configs/keycorridor.yaml",
                      [*FLAGS, *flags, f"--seed={seed}", f"--frames={MOST}", f"--stop.success={SUCCESS}", "--metrics.panel=false",
                       "--replay.every_episodes=0"])
    last = last_metrics(run_dir)
    success = last.get("policy_stats/success_rate", 0)
    e.keep({"model": model, "seed": seed, "success": success, "frames": last["env_steps"], "intrinsic_share": last.get("intrinsic/share", 0)})


def main():
    e = Experiment("rnd_multiroom", __doc__)
    args = e.start()
    for seed in SEEDS:
        for model, flags in MODELS.items():
            if not args.plot and not e.find(model=model, seed=seed):
                run_one(e, model, flags, seed)
    rows = [[m, ", ".join(f"{r['success']:.3f}" for r in e.rows if r["model"] == m),
             ", ".join(f"{r['frames'] / 1e6:.2f}" for r in e.rows if r["model"] == m)] for m in MODELS]
    e.write_table(markdown(["reward model", "success in training (by seed)", "million frames"], rows))


if __name__ == "__main__":
    main()
