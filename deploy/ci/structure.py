#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The structure of the sources: who may use whom, circles, names defined twice, functions that nobody calls.

    deploy/ci/structure.py            # offences as file:line: sentence, then numbers; exit code 1 when there is an offence
    deploy/ci/structure.py --edges    # also every arrow between files, with one name that makes it

A file points at the headers that it includes and, a source, at the sources whose functions it names. A circle is a group of
files that can all be reached from each other. Text is read, nothing is compiled: strings and comments are removed first,
macros are not expanded.
"""
import collections
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRST_PARTY = ("actor", "common", "deploy", "learner", "reward_server")
# What each folder may use besides itself: one way only. A folder without a row of its own belongs to the nearest one above it.
MAY_USE = {
    "common/base": "",
    "common/config": "common/base",
    "common/metrics": "common/base common/config",
    "common/picture": "common/base",
    "common/checkpoint": "common/base",
    "common/nn": "common/base",
    "common/policy": "common/base common/config common/nn",
    "common/data": "common/base common/policy",
    "common/run": "common/base common/config common/checkpoint common/policy common/data",
    "common/wire/keys": "common/base",
    "common/wire/frame": "common/base common/wire/keys",
    "common/http": "common/base common/wire/frame",
    "common/wire/weights": "common/base common/wire/keys common/wire/frame",
    "common/wire/rollout": "common/base common/policy common/data common/wire/keys common/wire/frame common/wire/weights",
    "common/wire/labels": "common/base common/data common/wire/keys common/wire/frame",
    "actor/envs": "common/base common/config common/picture common/policy common/data",
    "actor/library": "common/base common/config common/picture common/policy actor/envs",
    "actor": "common/base common/config common/nn common/policy common/data common/run common/wire/keys common/wire/rollout actor/envs",
    "learner/reward": "common/base common/config common/checkpoint common/nn common/policy common/data",
    "learner/train": "common/base common/config common/checkpoint common/nn common/policy common/data common/run learner/reward",
    "learner/dashboard": "common/base common/config common/metrics common/checkpoint common/data common/run common/http common/wire/rollout",
    "learner/record": "common/base common/config common/checkpoint common/nn common/policy common/data common/run common/wire/rollout learner/reward learner/train",
    "learner/process": "common learner/reward learner/train learner/record learner/dashboard",
    "learner": "common learner/train learner/process",
    "reward_server/http": "common/base common/config",
    "reward_server/goals": "common/base common/config",
    "reward_server/prompts": "common/base common/config reward_server/goals",
    "reward_server/store": "common/base common/data",
    "reward_server/annotators": "common/base common/config common/checkpoint common/data"
                                " reward_server/http reward_server/goals reward_server/prompts",
    "reward_server": "common/base common/config common/data common/metrics common/http common/wire/keys common/wire/labels reward_server/store reward_server/goals reward_server/annotators",
    "deploy/onnx": "common learner/train",
    "deploy/cli": "common actor learner reward_server deploy/onnx",
    "deploy/examples": "",  # of others
}
# Folders that hold a folder per plug-in.
PLUGINS = ("actor/envs", "learner/reward", "reward_server/annotators", "common/policy/encoders", "common/nn/layers")
# Circles that stay: the set of their files, and the reason.
CIRCLES_THAT_STAY = {}
# External names that nobody of ours calls: entry points of plug-ins, of the C library, of programs.
CALLED_FROM_OUTSIDE = {"main", "time", "onic_env_plugin"} | {"onic_envs_" + name for name in (  # actor/library/onic_env.map
    "abi version list create close describe error arrays reset step save load render draw").split()}
# External names that only tests use: what they replace, count or look at.
FOR_TESTS = {"label_option", "checkpoint_at", "checkpoint_count", "checkpoint_use_io", "clock_replace", "err_name", "http_plane_port", "http_plane_streams", "loss_total", "metrics_fps",
             "nethack_game_object", "pcg64_integers", "policy_macs", "series_points", "tensorboard_crc32c", "xmalloc_calls"}

# Who may name `struct config` besides common/config, common/run, a command (cmd_*.c), main.c, what opens (open.[ch],
# *_open.[ch]) and readers (*_options.[ch]): the tables of functions that a plug-in fills in, and what calls them. A plug-in's create is its open.
CONFIG_IN_TABLES = {"actor/envs/env.h", "actor/envs/registry.c", "actor/envs/plugin.c",
                    "learner/reward/reward_model.h", "reward_server/annotators/annotator.h"}

TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|/\*.*?\*/|//[^\n]*', re.S)
WORD = re.compile(r"[A-Za-z_]\w*")
NAME = re.compile(r"(?<![\w.])(?<!->)[A-Za-z_]\w*")  # no member of a struct
FUNCTION = re.compile(r"^(?P<head>[A-Za-z_][\w \t\*]*?)\b(?P<name>\w+)\((?P<args>[^;{}]*)\)\s*\n\{", re.M)
VARIABLE = re.compile(r"^(?P<head>[A-Za-z_][\w \*]*?)\b(?P<name>\w+)(?:\[[^\]]*\])* = ", re.M)


def blank(match):
    """A comment or a string without its text; lines stay where they are."""
    text = match.group(0)
    return '""' if text[0] == '"' else re.sub(r"[^\n]", " ", text)


class Source:
    def __init__(self, path):
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            raw = f.read()
        self.path = path
        self.includes = re.findall(r'^#include "([^"]+)"', raw, re.M)
        self.code = TOKENS.sub(blank, raw)
        self.words = collections.Counter(NAME.findall(self.code))
        self.functions = []  # (name, line, static, lines of the body)
        for m in FUNCTION.finditer(self.code):
            if m["name"] in ("if", "while", "for", "switch") or "typedef" in m["head"]:
                continue
            end = self.code.find("\n}", m.end())
            static = "static" in m["head"].split()
            self.functions.append((m["name"], self.line(m.start("name")), static, self.code.count("\n", m.end(), end)))
        self.variables = [(m["name"], self.line(m.start("name"))) for m in VARIABLE.finditer(self.code)
                          if "static" not in m["head"].split() and m["head"].strip() and path.endswith(".c")]

    def line(self, at):
        return self.code.count("\n", 0, at) + 1


def strongly_connected(graph):
    """Tarjan's algorithm, iterative: the groups of more than one node."""
    index, low, on_stack, stack, groups, count = {}, {}, set(), [], [], 0
    for start in graph:
        if start in index:
            continue
        work = [(start, iter(graph[start]))]
        index[start] = low[start] = count
        count += 1
        stack.append(start)
        on_stack.add(start)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = count
                    count += 1
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(graph.get(target, ()))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while True:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                        if group[-1] == node:
                            break
                    if len(group) > 1:
                        groups.append(sorted(group))
    return groups


def read_sources():
    listed = subprocess.run(["git", "ls-files", "--", "*.c", "*.h"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [Source(p) for p in listed.stdout.split() if os.path.exists(os.path.join(ROOT, p))]


def external_definitions(ours):
    """name -> [(source, line)] of functions and variables with external linkage, and the offences among them."""
    defined = collections.defaultdict(list)
    for s in ours:
        if not s.path.endswith(".c"):
            continue
        for name, line, static, _ in s.functions:
            if not static:
                defined[name].append((s, line))
        for name, line in s.variables:
            defined[name].append((s, line))
    offences = []
    for name, places in defined.items():
        if len({s.path for s, _ in places}) > 1 and name != "main":  # one file may hold variants behind #if
            where = ", ".join(s.path for s, _ in places)
            offences.append(f"{places[0][0].path}:{places[0][1]}: {name} is external in {where}")
    return defined, offences


def arrows(ours, defined):
    """file -> {file: what makes the arrow}"""
    files = {s.path for s in ours}
    graph = {path: {} for path in files}
    home = {name: places[0][0].path for name, places in defined.items() if len(places) == 1}
    for s in ours:
        for path in s.includes:
            if path in files:
                graph[s.path].setdefault(path, "#include")
        for name in s.words if s.path.endswith(".c") else ():  # a header only promises
            target = home.get(name)
            if target and target != s.path and name not in CALLED_FROM_OUTSIDE:
                graph[s.path].setdefault(target, name)
    return graph


def folder_of(path):
    folder = os.path.dirname(path)
    while folder and folder not in MAY_USE:
        folder = os.path.dirname(folder)
    return folder


def wrong_ways(graph):
    offences = []
    for path in graph:
        folder = folder_of(path)
        if not folder:
            offences.append(f"{path}:1: its folder has no row in MAY_USE of deploy/ci/structure.py")
            continue
        for target, why in graph[path].items():
            other = folder_of(target)
            allowed = MAY_USE[folder].split()
            if other != folder and not any(other == a or other.startswith(a + "/") for a in allowed):
                offences.append(f"{path}:1: {folder} may not use {other} ({os.path.basename(target)}: {why})")
    return offences


def may_name_config(path):
    folder, name = os.path.split(path)
    return (folder in ("common/config", "common/run") or name == "main.c" or path in CONFIG_IN_TABLES or
            re.fullmatch(r"(\w+_)?(open|options)\.[ch]", name) or (folder == "deploy/cli" and re.fullmatch(r"cmd_\w+\.c", name)))


def is_plugin(path):
    """actor/envs/corridor/corridor.c"""
    folder, name = os.path.split(path)
    return os.path.dirname(folder) in PLUGINS and name == os.path.basename(folder) + ".c"


def config_everywhere(ours):
    """`struct config` ends at a program's start and in a module's reader of options; what is below gets the values it needs."""
    offences = []
    for s in ours:
        places = [m.start() for m in re.finditer(r"\bstruct config\b", s.code)]
        if not places or may_name_config(s.path):
            continue
        if is_plugin(s.path):  # handed to its create, kept by nobody
            kept = [m.span() for m in re.finditer(r"^(?:static )?struct \w+\s*\{.*?^\}", s.code, re.M | re.S)]
            places = [at for at in places if any(a < at < b for a, b in kept)]
        if places:
            offences.append(f"{s.path}:{s.line(places[0])}: struct config ends at main.c, a command, *open.[ch] and *options.[ch]: "
                            "take a parameter struct of your own")
    return offences


def used_by_one(graph):
    """Folders of common that fewer than two programs use, directly or through others; wire holds both ends of its planes."""
    users = collections.defaultdict(set)
    for root in ("actor", "learner", "reward_server", "deploy"):
        todo = [p for p in graph if p.startswith(root + "/")]
        seen = set(todo)
        while todo:
            path = todo.pop()
            users[folder_of(path)].add(root)
            for target in graph[path].keys() - seen:
                if target.startswith("common/"):
                    seen.add(target)
                    todo.append(target)
    return [f"{folder}: only {' '.join(users[folder]) or 'nobody'} uses it: common is for what two programs need"
            for folder in MAY_USE if folder.startswith("common/") and "wire" not in folder and len(users[folder]) < 2]


def uncalled(sources, defined, generated):
    offences = []
    text = collections.Counter()
    for s in sources:
        for name in s.words.keys() & defined.keys():
            # its definition and its prototype are no uses
            own = s is defined[name][0][0] or s.path.endswith(".h")
            text[name, s.path.split("/")[0] in FIRST_PARTY] += s.words[name] - (1 if own else 0)
    for name, places in sorted(defined.items()):
        source, line = places[0]
        if name in CALLED_FROM_OUTSIDE | FOR_TESTS or len({s.path for s, _ in places}) > 1 or text[name, True] > 0 or name in generated:
            continue
        who = "only tests name it" if text[name, False] > 0 else "nobody names it"
        offences.append(f"{source.path}:{line}: {name} is external, but {who}")
    return offences


def generated_names(sources):
    """Names that registries make of their lines (ENV(corridor) -> env_corridor): they count as used."""
    prefixes = {""} | {p for s in sources for p in re.findall(r"\b(\w+_)##\w+", s.code)}
    listed = subprocess.run(["git", "ls-files", "--", "*.def"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    ids = set()
    for path in listed.stdout.split():
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            for arguments in re.findall(r"^[A-Z_0-9]+\(([^)]*)", f.read(), re.M):
                ids |= set(WORD.findall(arguments))
    return {prefix + i for prefix in prefixes for i in ids}


def main():
    sources = read_sources()
    ours = [s for s in sources if s.path.split("/")[0] in FIRST_PARTY]
    defined, offences = external_definitions(ours)
    graph = arrows(ours, defined)
    if "--edges" in sys.argv[1:]:
        for path in sorted(graph):
            for target, why in sorted(graph[path].items()):
                print(f"{path} -> {target}  ({why})")
    circles = strongly_connected({path: list(targets) for path, targets in graph.items()})
    for group in circles:
        if frozenset(group) not in CIRCLES_THAT_STAY:
            inner = "; ".join(f"{os.path.basename(a)} -> {os.path.basename(b)} ({graph[a][b]})"
                              for a in group for b in graph[a] if b in group)
            offences.append(f"{group[0]}:1: a circle of {len(group)} files: {inner}")
    offences += wrong_ways(graph) + used_by_one(graph) + config_everywhere(ours)
    offences += uncalled(sources, defined, generated_names(sources))
    files_of = collections.defaultdict(set)
    for s in ours:
        for name, _, static, _ in s.functions:
            if static and s.path.endswith(".c"):
                files_of[name].add(s.path)
    statics = sum(len(f) for f in files_of.values())
    offences += [f"{sorted(f)[0]}:1: static {name} has a namesake in {', '.join(sorted(f)[1:])}: let it carry its module's word"
                 for name, f in files_of.items() if len(f) > 1]
    bodies = sorted(n for s in ours if s.path.endswith(".c") for *_, n in s.functions)
    for line in sorted(offences):
        print(line)
    print(f"structure: {len(graph)} files, {len(circles)} circles, {len(bodies)} functions (median {bodies[len(bodies) // 2]} "
          f"lines, longest {bodies[-1]}), {statics} static functions, no two of one name")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
