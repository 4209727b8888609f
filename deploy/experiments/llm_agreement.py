#!/usr/bin/env python3
"""Which annotator says what the rules say: per goal, of the sentence model and of a small language model read in three ways.

MiniGrid: the pool of the domain, every sentence that the world can say. NetHack: the most frequent captions of uniform random play
(`onic labels collect --random`), a thousand. Each annotator labels each caption once for each goal, out of `onic labels annotate`, and
its labels are compared with those of `rules`. The three ways are of the same log-probabilities: "plain" is the likelier word, "3 votes"
the majority of three samples of it at temperature 1 (its expectation, no sample is drawn), "calibrated" the sign of the margin less that
of the empty message. The examples that the prompt shows with their answers are asked like all others and count for no annotator.

Resumable: a line of llm_agreement/results.jsonl is an annotator and a goal, with what it said of each caption of <domain>.json (null: no
answer). It is not asked again, and what was labelled before it was cut off stays; --table makes the table of that alone.

    deploy/llm/serve.py --nice=0 &  python3 deploy/experiments/llm_agreement.py          # --url, --model of another server; --pid for its CPU time
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


def captions_of(e, domain):
    """The same in each call: those that are kept, or that were never asked about."""
    path = os.path.join(OUT, f"{domain}.json")
    if not os.path.exists(path):
        with open(path, "w") as f:
            json.dump(pool(domain) if domain == "minigrid" else played(e), f, indent=0)
    with open(path) as f:
        return json.load(f)


def shown(domain):
    """The examples of the prompt."""
    with open(os.path.join(ROOT, "deploy", "prompts", domain, "classification.short.yaml"), encoding="utf-8") as f:
        return {json.loads(quoted) for quoted in re.findall(r'^  - caption: (".*")$', f.read(), re.M)}


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
    of label 1; truth: without the examples."""
    asked = {c: t for c, t in truth.items() if c in said}
    agrees = {c: said[c] if t else 1 - said[c] for c, t in asked.items()}
    sides = [[agrees[c] for c, t in asked.items() if t == want] for want in (1, 0)]
    halves = [sum(side) / len(side) if side else None for side in sides]
    return {"captions": len(asked), "praised": len(sides[0]), "agreement": sum(agrees.values()) / len(asked), "recall": halves[0],
            "specificity": halves[1], "balanced": sum(halves) / 2 if None not in halves else None}


def numbers_of(raw):
    """[margin, log p of Yes, of No] of "..., margin +1.268 (log p Yes -0.705, No -0.743; taken off -1.230)"."""
    return [float(x) for x in re.search(r"margin (\S+) \(log p \w+ (\S+), \w+ (\S+);", raw).groups()]


def three_ways(numbers):
    """Probability of label 1, by what is made of the log-probabilities."""
    ways = {"plain": {}, "3 votes": {}, "calibrated": {}}
    for caption, (margin, yes, no) in numbers.items():
        p = 1 / (1 + math.exp(no - yes))
        ways["plain"][caption] = float(yes > no)
        ways["3 votes"][caption] = p ** 3 + 3 * p ** 2 * (1 - p)
        ways["calibrated"][caption] = float(margin > 0)
    return ways


def cpu_model():
    with open("/proc/cpuinfo") as f:
        return next((line.partition(":")[2].strip() for line in f if line.startswith("model name")), "unknown")


def measure(e, name, domain, goal, captions):
    truth = labels_of(e, "rules", domain, goal, captions)[0]  # they label every caption
    before = cpu_s(e)
    answers, seconds = labels_of(e, name, domain, goal, captions)
    row = {"annotator": name, "domain": domain, "goal": goal, "cpu": cpu_model(), "seconds": round(seconds, 1),
           "labels_per_s": round(len(answers) / seconds, 2), "cpu_ms_per_label": None, "rules": [truth[c][0] for c in captions]}
    if ANNOTATORS[name][1]:
        row["cpu_ms_per_label"] = round(1000 * (cpu_s(e) - before) / max(1, len(answers)), 1)
        return row | {"numbers": [numbers_of(answers[c][1]) if c in answers else None for c in captions]}
    return row | {"labels": [answers[c][0] if c in answers else None for c in captions]}


def judged(row, captions):
    """What came of a line: way -> its agreement."""
    examples = shown(row["domain"])
    said = {c: x for c, x in zip(captions, row.get("labels") or row["numbers"]) if x is not None}
    truth = {c: x for c, x in zip(captions, row["rules"]) if c not in examples}
    if "labels" in row:
        return {row["annotator"]: compare(said, truth)}
    asked = [c for c in truth if c in said]
    area = auc([said[c][0] for c in asked], [truth[c] for c in asked])
    return {way: compare(p, truth) | {"auc": area} for way, p in three_ways(said).items()}


def table(e):
    ways = ["sentence model", "plain", "3 votes", "calibrated"]
    cell = lambda r: "-" if not r else f"{r['agreement']:.3f} ({r['balanced']:.2f})" if r["balanced"] is not None else f"{r['agreement']:.3f}"
    lines = [["domain", "goal", "praised", *ways, "AUC", "labels/s", "CPU ms a label"]]
    for domain, goals in GOALS.items():
        for goal in goals:
            rows = [r for r in e.rows if r["domain"] == domain and r["goal"] == goal]
            mine = {way: r for row in rows for way, r in judged(row, captions_of(e, domain)).items()}
            if mine:
                asked = next((r for r in rows if "numbers" in r), None)
                first = next(iter(mine.values()))
                area = mine["calibrated"]["auc"] if asked else None
                lines.append([domain, goal, f"{first['praised']} of {first['captions']}", *(cell(mine.get(w)) for w in ways),
                              f"{area:.2f}" if area is not None else "-", f"{asked['labels_per_s']:.1f}" if asked else "-",
                              f"{asked['cpu_ms_per_label']:.0f}" if asked else "-"])
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
        captions = captions_of(e, domain)
        for name in (n for n in ANNOTATORS if n != "rules" and n.startswith(e.args.only)):
            for goal in goals:
                if not e.find(annotator=name, domain=domain, goal=goal):
                    e.keep(measure(e, name, domain, goal, captions))
                    print(f"{name}, {domain}, {goal}: {e.rows[-1]['labels_per_s']} labels/s", flush=True)
    text = table(e)
    with open(os.path.join(OUT, "table.md"), "w") as f:
        f.write(text)
    print(text)


if __name__ == "__main__":
    main()
