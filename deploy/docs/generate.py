#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What of the reference is made of the code, for assemble.py; generate.py NAME BUILD prints one piece. Standard library only."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAMS = ("onic-learner", "onic-actor", "onic-reward-server")
PIECES = {}


def piece(function):
    """A function of the build folder that returns Markdown, called by its name in `<!-- generated: NAME -->`."""
    PIECES[function.__name__] = function
    return function


def make(name, build):
    if name not in PIECES:
        raise SystemExit(f"generate.py: there is no piece '{name}', only {', '.join(PIECES)}")
    return PIECES[name](pathlib.Path(build))


def source(path):
    return (ROOT / path).read_text(encoding="utf-8")


def commands():
    """[(name, summary)] in the order of `onic --help`."""
    found = re.findall(r'^COMMAND(?:_AS)?\((\w+)(?:, "([\w-]+)")?, "((?:[^"\\]|\\.)*)"\)', source("deploy/cli/commands.def"), re.M)
    return [(word or name, summary) for name, word, summary in found]


def asked(words, how="--help"):
    """What a program says to --help."""
    return subprocess.run([*words, how], capture_output=True, text=True, check=True).stdout


def usage(text):
    """A --help without its options, which the page of options has."""
    return re.split(r"\n\n?(?=Options, as --section|  --help, --version)", text)[0].strip("\n")


def cell(text):
    return text.replace("|", "\\|").replace("<", "\\<")


@piece
def command_help(build):
    out = []
    for name, summary in commands():
        out += [f"## onic {name}", "", cell(summary[0].upper() + summary[1:]) + ".", "", "```text", usage(asked([build / "onic", name])), "```", ""]
    for name in PROGRAMS:
        out += [f"## {name}", "", "```text", usage(asked([build / name])), "```", ""]
    return "\n".join(out)


@piece
def exit_codes(_build):
    codes = {}
    for name, code, text in re.findall(r'XX\((E\w+), (\d+), "([^"]+)"\)', source("common/base/err.h")):
        codes.setdefault(int(code), []).append(f"{text} (`{name}`)")
    rows = [f"| {code} | {'; '.join(codes[code])} |" for code in sorted(codes)]
    return "\n".join(["| code | errors that end with it |", "|---|---|", *rows])


def unit(theirs, kind):
    """Prometheus' names end with their unit."""
    stem = re.sub(r"\{.*", "", theirs)
    for ending, word in (("_seconds_total", "s"), ("_seconds", "s"), ("_seconds_per_step", "s per step"), ("_bytes", "bytes"), ("_ratio", "0 to 1"),
                         ("_per_second", "per s"), ("_versions", "versions"), ("_versions_max", "versions"), ("_steps", "steps"), ("_steps_goal", "steps"), ("_version", "versions"), ("_questions", "questions"),
                         ("_trajectories", "trajectories"), ("_labels", "labels"), ("_requests", "requests")):
        if stem.endswith(ending):
            return word
    return "count" if kind == "counter" else ""


@piece
def metrics(_build):
    """metrics.jsonl's names, each with its unit there and the name that Prometheus sees."""
    out = ["| in `metrics.jsonl` | unit | what | for Prometheus |", "|---|---|---|---|"]
    number = re.compile(r'^PROM(_EACH)?\("([^"]*)", "([^"]+)", (\w+), ([0-9.e-]+), (?:"(\w+)", )?"((?:[^"\\]|\\.)*)"\)', re.M)
    for each, ours, theirs, kind, factor, label, what in number.findall(source("common/metrics/prometheus.def")):
        if not ours:
            continue
        name, shown = (ours + "*", f"{theirs}{{{label}}}") if each else (ours, theirs)
        measured = {"1e-6": "us", "1e-3": "ms", "0.000001": "us"}.get(factor)
        measured = (measured + " per step" if theirs.endswith("per_step") else measured) if measured else unit(theirs, kind.lower())
        out.append(f"| `{name}` | {measured} | {cell(what)} | `{shown}` |")
    return "\n".join(out)


@piece
def protocol(_build):
    """The messages, as the sources say them."""
    out = []
    for path in ("session", "trajectory", "weights", "annotation"):
        text = source(f"proto/{path}.proto")
        out += [f"## {path}.proto", "", "```proto", text.split("\n", 1)[1].strip() if "SPDX" in text.split("\n", 1)[0] else text.strip(), "```", ""]
    return "\n".join(out)


if __name__ == "__main__":
    print(make(sys.argv[1], sys.argv[2]))
