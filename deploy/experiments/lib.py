"""What the experiment scripts share: resumable runs, evaluation, results line by line, tables and pictures.

A finished run is one line of JSON in the experiment's results.jsonl; a run that was cut goes on at its checkpoint.
Python's standard library and gnuplot only.
"""
import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from random import Random

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COLOURS = ["#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"]


class Experiment:
    """name: folder of results beside this file."""

    def __init__(self, name, description):
        self.out = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
        self.results = os.path.join(self.out, "results.jsonl")
        os.makedirs(self.out, exist_ok=True)
        self.parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder with the programs")
        self.parser.add_argument("--runs", default=os.path.join(ROOT, "runs", name), help="folder of the run directories")
        self.parser.add_argument("--plot", action="store_true", help="table and picture from what is there, run nothing")
        self.rows, self.args = [], None

    def start(self):
        self.args = self.parser.parse_args()
        os.makedirs(self.args.runs, exist_ok=True)
        if os.path.exists(self.results):
            with open(self.results) as f:
                self.rows = [json.loads(line) for line in f if line.strip()]
        return self.args

    def find(self, **what):
        return next((r for r in self.rows if all(r.get(k) == v for k, v in what.items())), None)

    def onic(self, *words):
        return [os.path.join(self.args.build, "onic"), *words]

    def train(self, run_name, config, flags, frames=0):
        """Trains to the end, which is not before `frames`; returns the run directory."""
        run_dir = os.path.join(self.args.runs, run_name)
        cmd = self.onic("train", config, f"--run-dir={run_dir}", *flags)
        print("+", shlex.join(cmd), flush=True)
        code = subprocess.call(cmd, cwd=ROOT)
        if code != 0:
            sys.exit(f"training ended with {code}; its logs are in {run_dir}/log")
        self.finished(run_dir, frames)
        return run_dir

    def finished(self, run_dir, frames, solved=False):
        """Ends this script when the run was drained by a signal: neither at its frames nor solved."""
        if not solved and last_metrics(run_dir).get("env_steps", 0) < frames:
            sys.exit(f"{os.path.basename(run_dir)} was stopped before its {frames} frames; the same command goes on with it")

    def evaluate(self, *words):
        """The document of `onic eval`."""
        out = subprocess.run(self.onic("eval", *words, "--json=-"), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(out)

    def keep(self, row):
        row["date"] = time.strftime("%Y-%m-%d", time.gmtime())
        self.rows.append(row)
        with open(self.results, "a") as f:
            f.write(json.dumps(row) + "\n")

    def write_table(self, text):
        with open(os.path.join(self.out, "table.md"), "w") as f:
            f.write(text)
        print(text)

    def plot(self, panels, xlabel, ylabel, columns="($1/1e6):3", yrange=None, key="top left"):
        """panels: {title: {series: [tsv names]}}; one picture curves.svg. The same series has the same colour everywhere. columns
        and ylabel may be given for each title apart: {title: ...}."""
        def of(what, title):
            return what[title] if isinstance(what, dict) else what
        names = []
        for series in panels.values():
            names += [s for s in series if s not in names]
        script = [f"set terminal svg size {460 * len(panels)},400 font 'sans,13' background '#ffffff'",
                  f"set output '{self.out}/curves.svg'", f"set multiplot layout 1,{len(panels)}", "set grid", f"set key {key}"]
        if yrange:
            script.append(f"set yrange [{yrange}]")
        for title, series in panels.items():
            parts = []
            for name, files in series.items():
                for i, tsv in enumerate(files):
                    colour = COLOURS[names.index(name) % len(COLOURS)]
                    label = name if i == 0 else ""
                    parts.append(f"'{self.out}/{tsv}' using {of(columns, title)} with lines lw 2 lc rgb '{colour}' title '{label}'")
            script += [f"set title '{title}'", f"set xlabel '{xlabel}'", f"set ylabel '{of(ylabel, title)}'", "plot " + ", ".join(parts)]
        script.append("unset multiplot")
        if not shutil.which("gnuplot"):
            print("no picture: gnuplot is not installed (Debian: gnuplot-nox)", file=sys.stderr)
            return
        subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)


def read_metrics(run_dir, names):
    """Rows of the named metrics, one per line of metrics.jsonl that has env_steps; None where a line lacks one."""
    rows = []
    with open(os.path.join(run_dir, "metrics.jsonl")) as f:
        for line in f:
            m = json.loads(line)
            if m.get("env_steps") is not None:
                rows.append([m.get(n) for n in names])
    return rows


def last_metrics(run_dir):
    """The newest value of every metric of a run."""
    last = {}
    with open(os.path.join(run_dir, "metrics.jsonl")) as f:
        for line in f:
            last.update({k: v for k, v in json.loads(line).items() if v is not None})
    return last


def reached_at(curve, success):
    """Frames at which the success in training reaches it and stays there for five lines of metrics (or to the end of the run): the first
    episodes to end are the short, solved ones. curve: rows of (env_steps, success, ...)."""
    good = [(r[1] or 0) >= success for r in curve]
    return next((curve[i][0] for i in range(len(curve)) if good[i] and all(good[i:i + 5])), None)


def write_curve(path, names, rows):
    """At most about 300 rows as tab-separated values, the last one always among them."""
    with open(path, "w") as f:
        f.write("# " + "\t".join(names) + "\n")
        for row in rows[:: max(1, len(rows) // 300)] + rows[-1:]:
            f.write("\t".join("nan" if v is None else f"{v:.6g}" for v in row) + "\n")


# Student's t at 0.975 by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def mean_interval(values):
    """Mean and its 95 % interval (Student's) from 2 to 10 independent values; without one the interval is the mean."""
    mean = statistics.fmean(values)
    half = STUDENT[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0
    return mean, mean - half, mean + half


def interquartile_mean(values):
    """Mean of the values without the lowest and the highest quarter (rounded down), as rliable's."""
    cut = len(values) // 4
    return statistics.fmean(sorted(values)[cut:len(values) - cut])


def bootstrap_interval(strata, statistic=interquartile_mean, draws=2000):
    """95 % percentile interval of statistic(all values), seeds drawn anew within each stratum (a task's values)."""
    random = Random(0)
    drawn = sorted(statistic([v for values in strata for v in random.choices(values, k=len(values))]) for _ in range(draws))
    return drawn[int(0.025 * draws)], drawn[int(0.975 * draws) - 1]


def interval_text(values):
    """Interquartile mean with its 95 % interval."""
    low, high = bootstrap_interval([values])
    return f"{interquartile_mean(values):.2f} [{low:.2f}, {high:.2f}]"


def markdown(header, rows):
    return "\n".join(["| " + " | ".join(header) + " |", "|" + "---|" * len(header),
                      *("| " + " | ".join(str(c) for c in r) + " |" for r in rows)]) + "\n"
