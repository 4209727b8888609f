#!/usr/bin/env python3
"""Which annotator says what the rules say: per goal, of the sentence model and of a small language model read in three ways.

MiniGrid: the pool of the domain, every sentence that the world can say. NetHack: the most frequent captions of uniform random play
(`onic labels collect --random`), a thousand. Each annotator labels each caption once for each goal, out of `onic labels annotate`, and
its labels are compared with those of `rules`. The three ways are of the same log-probabilities: "plain" is the likelier word, "3 votes"
the majority of three samples of it at temperature 1 (its expectation, no sample is drawn), "calibrated" the sign of the margin less that
of the empty message. Resumable: an annotator with its line in llm_agreement/results.jsonl is not asked again, and what was labelled
before it was cut off stays.

    deploy/llm/serve.py &  python3 deploy/experiments/llm_agreement.py          # --url, --model of another server; --pid for its CPU time
"""
import argparse
import json
import math
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "llm_agreement")
GOALS = {"minigrid": ["Empty", "FourRooms", "DoorKey", "Unlock", "UnlockPickup", "BlockedUnlockPickup", "KeyCorridor", "MultiRoom", "ObstructedMaze"],
         "nethack": ["score", "combat", "gold", "stairs", "oracle"]}
ENVS = {"minigrid": "minigrid:KeyCorridorS3R3", "nethack": "nethack:Score"}
CAPTIONS = 1000  # of NetHack
LLM = ["--annotator.id=llm", "--annotator.prompt=short", "--llm.window=2", "--llm.window_max=2", "--llm.deadline_s=600"]
ANNOTATORS = {
    "rules": (["--annotator.id=rules"], False),
    "sentence model": (["--annotator.id=embedding", "--embedding.burst=1000000"], False),
    "log-probabilities": (LLM + ["--llm.answer=logprob"], True),
}


class Results:
    """Lines of results.jsonl: one is what came of an annotator and a goal."""

    def __init__(self, args):
        self.args, self.path = args, os.path.join(OUT, "results.jsonl")
        os.makedirs(args.runs, exist_ok=True)
        self.rows = []
        if os.path.exists(self.path):
            with open(self.path) as f:
                self.rows = [json.loads(line) for line in f if line.strip()]

    def find(self, **what):
        return next((r for r in self.rows if all(r.get(k) == v for k, v in what.items())), None)

    def keep(self, row):
        row["date"] = time.strftime("%Y-%m-%d", time.gmtime())
        self.rows.append(row)
        with open(self.path, "a") as f:
            f.write(json.dumps(row) + "\n")

    def onic(self, *words):
        return [os.path.join(self.args.build, "onic"), *words]


def pool(domain):
    with open(os.path.join(ROOT, "deploy", "goals", domain, "pool.txt"), encoding="latin-1") as f:
        return [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]


def played(e):
    """The most frequent captions of random play: pairs are drawn by frequency."""
    data = os.path.join(e.args.runs, "nethack-play")
    if not os.path.exists(os.path.join(data, "pairs.jsonl")):
        subprocess.run(e.onic("labels", "collect", data, "--random", f"--env.id={ENVS['nethack']}", "--episodes=400", "--pairs=20000"),
                       cwd=ROOT, check=True)
    seen = {}
    with open(os.path.join(data, "pairs.jsonl"), encoding="utf-8") as f:
        next(f)
        for line in f:
            for caption in (json.loads(line)[k] for k in ("caption", "caption_b")):
                if caption:
                    seen[caption] = seen.get(caption, 0) + 1
    best = sorted(seen, key=lambda c: (-seen[c], c))[:CAPTIONS]
    if len(best) < CAPTIONS:
        sys.exit(f"random play said only {len(best)} captions; raise --episodes in {__file__}")
    return best


def labels_of(e, name, domain, goal, captions):
    """caption -> label and raw answer; seconds that it took."""
    flags, served = ANNOTATORS[name]
    data = os.path.join(e.args.runs, f"{domain}-{goal}-{re.sub('[^a-z0-9]+', '-', name)}")
    os.makedirs(data, exist_ok=True)
    with open(os.path.join(data, "pairs.jsonl"), "w", encoding="utf-8") as f:
        f.write(json.dumps({"env": ENVS[domain]}) + "\n")
        f.writelines(json.dumps({"caption": c}) + "\n" for c in captions)
    server = [f"--llm.url={e.args.url}", f"--llm.model={e.args.model}"] if served else []
    goal_flags = [f"--annotator.domain={domain}", f"--annotator.goal={goal}"]
    start = time.time()
    subprocess.run(e.onic("labels", "annotate", data, *flags, *server, *goal_flags), cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    seconds = time.time() - start
    out = subprocess.run(e.onic("labels", "export", data), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {o["caption"]: (o["label"], o["raw"]) for o in map(json.loads, out.splitlines())}, seconds


def cpu_s(e):
    """CPU seconds of the server so far; 0 where it is not on this machine."""
    try:
        with open(f"/proc/{e.args.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0


def auc(margins, truth):
    high, low = ([m for m, t in zip(margins, truth) if t == want] for want in (1, 0))
    return sum((a > b) + 0.5 * (a == b) for a in high for b in low) / (len(high) * len(low)) if high and low else None


def compare(said, truth):
    """Agreement with the rules: of all, of those that they praise, of the others, and of both halves alike. said: caption -> probability
    of label 1."""
    asked = {c: t for c, t in truth.items() if c in said}
    agrees = {c: said[c] if t else 1 - said[c] for c, t in asked.items()}
    sides = [[agrees[c] for c, t in asked.items() if t == want] for want in (1, 0)]
    halves = [sum(side) / len(side) if side else None for side in sides]
    return {"captions": len(asked), "praised": len(sides[0]), "agreement": sum(agrees.values()) / len(asked), "recall": halves[0],
            "specificity": halves[1], "balanced": sum(halves) / 2 if None not in halves else None}


def three_ways(raws):
    """Probability of label 1, by what is made of the raw answers: "..., margin +1.268 (log p Yes -0.705, No -0.743; taken off -1.230)"."""
    ways = {"plain": {}, "3 votes": {}, "calibrated": {}}
    for caption, raw in raws.items():
        margin, yes, no = (float(x) for x in re.search(r"margin (\S+) \(log p \w+ (\S+), \w+ (\S+);", raw).groups())
        p = 1 / (1 + math.exp(no - yes))
        ways["plain"][caption] = float(yes > no)
        ways["3 votes"][caption] = p ** 3 + 3 * p ** 2 * (1 - p)
        ways["calibrated"][caption] = float(margin > 0)
    return ways


def measure(e, name, domain, goal, captions, truth):
    before = cpu_s(e)
    answers, seconds = labels_of(e, name, domain, goal, captions)
    row = {"annotator": name, "domain": domain, "goal": goal, "seconds": round(seconds, 1), "labels_per_s": len(answers) / seconds,
           "cpu_ms_per_label": 1000 * (cpu_s(e) - before) / max(1, len(answers)) if ANNOTATORS[name][1] else None}
    return judged(row, name, answers, truth)


def judged(row, name, answers, truth):
    if name != "log-probabilities":
        return [row | compare({c: a[0] for c, a in answers.items()}, truth)]
    raws = {c: a[1] for c, a in answers.items() if c in truth}
    margins = [float(re.search(r"margin (\S+)", raw)[1]) for raw in raws.values()]
    row["auc"] = auc(margins, [truth[c] for c in raws])
    return [row | {"annotator": way} | compare(said, truth) for way, said in three_ways(raws).items()]


def table(rows):
    ways = ["sentence model", "plain", "3 votes", "calibrated"]
    cell = lambda r: "-" if not r else f"{r['agreement']:.3f} ({r['balanced']:.2f})" if r["balanced"] is not None else f"{r['agreement']:.3f}"
    lines = [["domain", "goal", "praised", *ways, "AUC"]]
    for domain, goals in GOALS.items():
        for goal in goals:
            mine = {r["annotator"]: r for r in rows if r["domain"] == domain and r["goal"] == goal}
            if mine:
                last = mine.get("calibrated")
                first = last or next(iter(mine.values()))
                lines.append([domain, goal, f"{first['praised']} of {first['captions']}", *(cell(mine.get(w)) for w in ways),
                              f"{last['auc']:.2f}" if last and last["auc"] is not None else "-"])
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([rows[0], "|" + "---|" * len(lines[0]), *rows[1:]]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder with the programs")
    parser.add_argument("--runs", default=os.path.join(ROOT, "runs", "llm_agreement"), help="folder of the labels")
    parser.add_argument("--table", action="store_true", help="the table of what is there, asking nobody")
    parser.add_argument("--url", default="http://127.0.0.1:8087/v1")
    parser.add_argument("--model", default="SmolLM2-135M-Instruct")
    parser.add_argument("--pid", type=int, default=0, help="process of the server, for its CPU time")
    parser.add_argument("--only", default="", help="names of annotators that begin so")
    e = Results(parser.parse_args())
    for domain, goals in [] if e.args.table else GOALS.items():
        captions = pool(domain) if domain == "minigrid" else played(e)
        for name in (n for n in ANNOTATORS if n != "rules" and n.startswith(e.args.only)):
            for goal in goals:
                first = "plain" if name == "log-probabilities" else name
                if e.find(annotator=first, domain=domain, goal=goal):
                    continue
                truth = {c: a[0] for c, a in labels_of(e, "rules", domain, goal, captions)[0].items()}
                for row in measure(e, name, domain, goal, captions, truth):
                    e.keep(row)
                    print(json.dumps(row), flush=True)
    text = table(e.rows)
    with open(os.path.join(OUT, "table.md"), "w") as f:
        f.write(text)
    print(text)


if __name__ == "__main__":
    main()
