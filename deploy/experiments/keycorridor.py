#!/usr/bin/env python3
"""KeyCorridor with and without language feedback: all runs, numbers and the picture of the README.

Resumable: a run that has its line in results.jsonl is not repeated; a run that was cut goes on where its
checkpoint is. Needs a built tree (deploy/quickstart.sh) and gnuplot for the picture. Python's standard library only.

  deploy/experiments/keycorridor.py [--build build] [--runs runs/keycorridor] [--only S3R3] [--plot]

Rules of the comparison: evaluation seeds are never used in training; nothing is tuned on them; `none` and `counts` get
the number of frames that the slowest language run of the same size needed.
"""
import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(HERE, "keycorridor")
RESULTS = os.path.join(OUT, "results.jsonl")

# size -> (config, seconds of training allowed, seeds)
SIZES = {
    "S3R3": ("deploy/configs/keycorridor.yaml", 120, (1, 2, 3)),
    "S4R3": ("deploy/configs/keycorridor_s4r3.yaml", 360, (1, 2, 3)),
    "S6R3": ("deploy/configs/keycorridor_s6r3.yaml", 600, (1, 2, 3)),
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


def load_results():
    rows = []
    if os.path.exists(RESULTS):
        with open(RESULTS) as f:
            rows = [json.loads(line) for line in f if line.strip()]
    return rows


def find(rows, size, variant, seed):
    return next((r for r in rows if (r["size"], r["variant"], r["seed"]) == (size, variant, seed)), None)


def read_curve(run_dir):
    """(env_steps, wall_s, success, return) of every metrics line."""
    rows = []
    with open(os.path.join(run_dir, "metrics.jsonl")) as f:
        for line in f:
            m = json.loads(line)
            if m.get("env_steps") is not None:
                rows.append((m["env_steps"], m.get("wall_s"), m.get("policy_stats/success_rate"),
                             m.get("reward/reward"), m.get("perf/_fps")))
    return rows


def run_one(args, size, variant, seed, frames=None):
    config, seconds, _ = SIZES[size]
    run_dir = os.path.join(args.runs, f"{size}-{variant.replace('+', '-')}-s{seed}")
    flags = list(FLAGS[variant])
    if frames is None:
        flags += [f"--stop.wall_s={seconds}", f"--stop.success={STOP_SUCCESS[size]}", "--frames=1000000000"]
    else:
        flags += [f"--frames={frames}", "--stop.success=0", "--stop.wall_s=0"]
    cmd = [f"{args.build}/onic", "train", config, f"--run-dir={run_dir}", f"--seed={seed}", *flags]
    print("+", " ".join(cmd), flush=True)
    started = time.time()
    code = subprocess.call(cmd, cwd=ROOT)
    if code != 0:
        sys.exit(f"training ended with {code}; its logs are in {run_dir}/log")
    out = subprocess.run([f"{args.build}/onic", "eval", run_dir, f"--episodes={EVAL_EPISODES}",
                          f"--seed={EVAL_SEED + seed}", "--json=-"],
                         cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    ev = json.loads(out)
    curve = read_curve(run_dir)
    name = f"{size}-{variant.replace('+', '-')}-s{seed}.tsv"
    with open(os.path.join(OUT, name), "w") as f:
        f.write("# env_steps\twall_s\tsuccess_rate\treturn\tfps\n")
        step = max(1, len(curve) // 300)
        for row in curve[::step] + curve[-1:]:
            f.write("\t".join("nan" if v is None else f"{v:.6g}" for v in row) + "\n")
    row = {"size": size, "variant": variant, "seed": seed, "success": ev["success_rate"]["mean"],
           "success_ci95": ev["success_rate"]["ci95"], "return": ev["return"]["mean"],
           "length": ev["length"]["mean"], "trained_env_steps": ev["trained_env_steps"],
           "train_wall_s": curve[-1][1], "fps": curve[-1][0] / max(curve[-1][1], 1e-9),
           "eval_seed": EVAL_SEED + seed, "curve": name, "date": time.strftime("%Y-%m-%d", time.gmtime(started))}
    with open(RESULTS, "a") as f:
        f.write(json.dumps(row) + "\n")
    print(f"= {size} {variant} seed {seed}: success {row['success']:.3f} after {row['train_wall_s']:.0f} s, "
          f"{row['trained_env_steps'] / 1e6:.2f} M frames, {row['fps'] / 1e3:.0f} k frames/s", flush=True)
    return row


def table(rows):
    lines = ["| environment | reward | success per seed | frames (M) per seed | training seconds per seed |",
             "|---|---|---|---|---|"]
    for size in SIZES:
        for variant in LANGUAGE + BASELINES:
            mine = sorted((r for r in rows if r["size"] == size and r["variant"] == variant), key=lambda r: r["seed"])
            if mine:
                lines.append(f"| KeyCorridor{size} | {variant} | " + ", ".join(f"{r['success']:.3f}" for r in mine) + " | " +
                             ", ".join(f"{r['trained_env_steps'] / 1e6:.2f}" for r in mine) + " | " +
                             ", ".join(f"{r['train_wall_s']:.0f}" for r in mine) + " |")
    return "\n".join(lines) + "\n"


def plot(rows):
    colours = {"hash+embedding": "#0072b2", "hash+rules": "#009e73", "none": "#999999", "counts": "#d55e00"}
    sizes = [s for s in SIZES if any(r["size"] == s for r in rows)]
    script = [f"set terminal svg size {420 * len(sizes)},380 font 'sans,13' background '#ffffff'",
              f"set output '{OUT}/curves.svg'", f"set multiplot layout 1,{len(sizes)}", "set yrange [-0.02:1.02]",
              "set grid", "set key top left"]
    for size in sizes:
        parts, seen = [], set()
        for r in sorted(rows, key=lambda r: (r["variant"], r["seed"])):
            if r["size"] != size:
                continue
            title = r["variant"] if r["variant"] not in seen else ""
            seen.add(r["variant"])
            parts.append(f"'{OUT}/{r['curve']}' using ($1/1e6):3 with lines lw 2 lc rgb '{colours[r['variant']]}' title '{title}'")
        script += [f"set title 'KeyCorridor{size}'", "set xlabel 'million frames'", "set ylabel 'success rate (training)'",
                   "plot " + ", ".join(parts)]
    script.append("unset multiplot")
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.path.join(ROOT, "build"))
    ap.add_argument("--runs", default=os.path.join(ROOT, "runs", "keycorridor"))
    ap.add_argument("--only", choices=SIZES, help="one size only")
    ap.add_argument("--language-only", action="store_true", help="leave the baselines out")
    ap.add_argument("--plot", action="store_true", help="draw from what is there, run nothing")
    args = ap.parse_args()
    os.makedirs(OUT, exist_ok=True)
    os.makedirs(args.runs, exist_ok=True)
    rows = load_results()
    for size in [] if args.plot else ([args.only] if args.only else SIZES):
        for variant in LANGUAGE:
            for seed in SIZES[size][2]:
                if not find(rows, size, variant, seed):
                    rows.append(run_one(args, size, variant, seed))
        if args.language_only:
            continue
        frames = max(r["trained_env_steps"] for r in rows if r["size"] == size and r["variant"] in LANGUAGE)
        for variant in BASELINES:
            for seed in SIZES[size][2]:
                if not find(rows, size, variant, seed):
                    rows.append(run_one(args, size, variant, seed, frames))
    with open(os.path.join(OUT, "table.md"), "w") as f:
        f.write(table(rows))
    print(table(rows))
    if rows:
        plot(rows)


if __name__ == "__main__":
    main()
