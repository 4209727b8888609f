#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# NetHack Score with language feedback: 20 million frames, then 1000 evaluation games against uniform random play.
# Resumable: run it again and it goes on. Numbers and picture: deploy/experiments/nethack_score/.
#
#   deploy/experiments/nethack_score.sh [BUILD [RUN]]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build} run=${2:-runs/nethack_score-s1} out=deploy/experiments/nethack_score
mkdir -p "$out"

"$build/onic" train deploy/configs/nethack_score.yaml --run-dir="$run" --seed=1
"$build/onic" eval "$run" --episodes=1000 --seed=1000003 --json="$out/trained.json"
"$build/onic" eval --random --env.id=nethack:Score --env.actions=28 --episodes=1000 --seed=1000003 --json="$out/random.json"

python3 - "$run/metrics.jsonl" "$out" <<'PY'
import json
import sys
keys = ("env_steps", "wall_s", "policy_stats/score", "policy_stats/max_depth", "intrinsic/share", "annot/labels_total", "perf/_fps")
rows = []
for line in open(sys.argv[1]):
    m = json.loads(line)
    if m.get("env_steps") and m.get("policy_stats/score") is not None:
        rows.append([m.get(k) for k in keys])
with open(sys.argv[2] + "/curve.tsv", "w") as f:
    f.write("# " + "\t".join(keys) + "\n")
    for r in rows[:: max(1, len(rows) // 300)] + rows[-1:]:
        f.write("\t".join("nan" if v is None else f"{v:.6g}" for v in r) + "\n")
trained, random = (json.load(open(f"{sys.argv[2]}/{n}.json"))["stats"]["score"]["mean"] for n in ("trained", "random"))
print(f"mean score {trained:.1f}, uniform random {random:.2f}: {trained / random:.1f} times")
open(sys.argv[2] + "/random.txt", "w").write(f"{random}\n")
PY

gnuplot <<GP
set terminal svg size 640,380 font 'sans,13' background '#ffffff'
set output '$out/curve.svg'
set grid
set key top left
set xlabel 'million frames'
set ylabel 'in-game score (mean of 100 training episodes)'
set title 'NetHack Score, hash + embedded language model'
plot '$out/curve.tsv' using (\$1/1e6):3 with lines lw 2 lc rgb '#0072b2' title 'onic', $(cat "$out/random.txt") with lines lw 2 lc rgb '#999999' title 'uniform random'
GP
rm -f "$out/random.txt"
