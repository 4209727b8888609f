#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts seeded bugs into a copy of the sources, one at a time, and runs the tests that must notice.

  tests/mutation/run.py                  all of tests/mutation/mutations.toml; goes on where it was stopped
  tests/mutation/run.py --only=REGEX     those whose name matches
  tests/mutation/run.py --fresh          forgets what earlier runs found
  tests/mutation/run.py --table=FILE     writes the table, too (tests/mutation/results.md), after each bug; rows of bugs that are not run stay as they are
  tests/mutation/run.py --missing        only those that the table has no verdict of
  tests/mutation/run.py --check          only looks whether the list still fits the sources (deploy/ci/style.sh does)

The checkout is not touched: a copy of it with a build of its own lies in build/mutation. It runs at nice 10 (--nice=N). A result is kept until the bug, its file or its tests change.
A test that fails is run once more, alone: what fails for want of time on a busy machine has noticed nothing, and the tests behind it are run then.
Exit code 1: fewer caught than --least (38), a bug that cannot be built, or, with --check, a list that does not fit.
"""
import argparse, collections, datetime, hashlib, json, os, pathlib, re, shutil, subprocess, sys, time
import tomllib
import xml.etree.ElementTree as tree

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = "tests/mutation/mutations.toml"
WORK = ROOT / "build" / "mutation"
SOURCE, STATE = WORK / "source", WORK / "results.json"
BUILD = SOURCE / "build"  # as in a checkout: programs find goals and configurations beside it
PROGRAMS = ["onic", "onic-actor", "onic-learner", "onic-reward-server"]
PYTHON_TARGETS = [*PROGRAMS, "onic_env", "policy_probe", "t-conformance-envs"]  # what the tests in tests/python use
FIELDS = {"name", "area", "what", "file", "search", "replace", "tests"}
RESULT = {"digest", "verdict", "detail", "when"}
AREAS = ["protocol", "checkpoint", "store", "learner", "actor", "front end", "run", "security", "http", "python"]
TEST_SECONDS, LIST_LEAST = 60, 40


def load():
    with open(ROOT / LIST, "rb") as f:
        return tomllib.load(f)["mutation"]


def test_source(test):
    """unit/a/b is tests/unit/a/test_b.c, python/b is tests/python/test_b.py."""
    folder, _, name = test.rpartition("/")
    if folder == "python":
        return f"tests/python/test_{name}.py"
    return f"tests/{folder}/fuzz_{name}.c" if folder == "fuzz" else f"tests/{folder}/test_{name}.c"


def test_targets(test):
    if test.startswith("python/"):
        return PYTHON_TARGETS
    return [test_target(test)]


def test_target(test):
    return "replay-" + test.split("/")[1] if test.startswith("fuzz/") else "t-" + test.replace("/", "-")


# --- does the list fit ---------------------------------------------------------------------------


def faults_of(m):
    if set(m) != FIELDS:
        yield f"needs exactly {', '.join(sorted(FIELDS))}"
        return
    if m["area"] not in AREAS:
        yield f"area {m['area']} is none of {', '.join(AREAS)}"
    if m["search"] == m["replace"]:
        yield "search and replace are the same"
    path = ROOT / m["file"]
    found = path.read_text().count(m["search"]) if path.exists() else -1
    if found != 1:
        there = f"{found} times" if found >= 0 else "nowhere, for the file is gone"
        yield f"its search text is {there} in {m['file']}, must be there once: give it the words that do the same there now"
    for test in m["tests"]:
        path = ROOT / test_source(test)
        if not path.exists():
            yield f"there is no test {test} ({test_source(test)})"
        elif re.search(r"label: (slow|deploy|bench)", path.open().readline()):
            yield f"test {test} is not part of the default run"
    if not m["tests"]:
        yield "names no test"


def check(mutations):
    lines = (ROOT / LIST).read_text().splitlines()
    at = {line.split('"')[1]: i for i, line in enumerate(lines, 1) if line.startswith('name = "')}
    bad = [(at.get(m.get("name"), 1), m.get("name"), fault) for m in mutations for fault in faults_of(m)]
    seen = collections.Counter(m.get("name") for m in mutations)
    bad += [(at.get(name, 1), name, "this name is used twice") for name, n in seen.items() if n > 1]
    if len(mutations) < LIST_LEAST:
        bad.append((1, "the list", f"has {len(mutations)} bugs, must have {LIST_LEAST} at least"))
    for line, name, fault in bad:
        print(f"{LIST}:{line}: {name}: {fault}")
    return not bad


# --- copy and build ------------------------------------------------------------------------------


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, **options)


def write_if_other(path, data):
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def copy_sources():
    names = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT, check=True).stdout.splitlines()
    for name in names:
        path = ROOT / name
        if path.is_file():
            write_if_other(SOURCE / name, path.read_bytes())
            shutil.copymode(path, SOURCE / name)
    wanted = set(names)
    for path in SOURCE.rglob("*"):
        if path.is_file() and BUILD not in path.parents and str(path.relative_to(SOURCE)) not in wanted:
            path.unlink()


def environment():
    out = dict(os.environ, CCACHE_BASEDIR=str(SOURCE), CCACHE_NOHASHDIR="1")
    out.setdefault("ONIC_CACHE", str(ROOT / "build" / "cache"))
    return out


def configure():
    options = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DONIC_WERROR=OFF"]  # a bug may leave a variable unused
    if shutil.which("ccache"):
        options += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    done = run("cmake", "-S", str(SOURCE), "-B", str(BUILD), *options, env=environment())
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def build(tests):
    targets = {target for t in tests for target in test_targets(t)}
    if any(re.search(r"support/(program|scene)\.h|ONIC_BUILD", (ROOT / test_source(t)).read_text()) for t in tests):
        targets.update(PROGRAMS)
    return run("ninja", "-C", str(BUILD), "-j2", *sorted(targets), env=environment())


def run_tests(tests, stop):
    """{test: "run" | "fail" | "notrun"}; a test that is skipped is not run. Tests have time limits of their own."""
    report = WORK / "ctest.xml"
    report.unlink(missing_ok=True)
    words = ["ctest", "--test-dir", str(BUILD), "-R", "^(" + "|".join(map(re.escape, tests)) + ")$", "-j2", "--output-junit", str(report)]
    run(*words, *(["--stop-on-failure"] if stop else []), env=environment())
    cases = list(tree.parse(report).getroot().iter("testcase"))
    for case in cases:
        if not stop and float(case.get("time", 0)) > TEST_SECONDS:
            print(f"{case.get('name')} took {float(case.get('time')):.0f} s; a test for seeded bugs should take {TEST_SECONDS} at most")
    return {case.get("name"): case.get("status") for case in cases}


# --- one bug -------------------------------------------------------------------------------------


def digest(m):
    h = hashlib.sha256(json.dumps(m, sort_keys=True).encode())
    for name in [m["file"], *map(test_source, m["tests"])]:
        h.update((ROOT / name).read_bytes())
    return h.hexdigest()


def noticed(tests):
    """(test, ""): the first that fails, and fails again alone; ("", why) when none does. ctest stops at a failure, so when that was want of time,
    those that it left out get their turn: else a bug would have survived tests that never ran."""
    left, shaky, skipped = list(tests), [], []
    while left:
        results = run_tests(left, stop=True)
        failed = [t for t in left if results.get(t) == "fail"]
        for test in failed:
            if run_tests([test], stop=True).get(test) == "fail":
                return test, ""
        shaky += failed
        left = [t for t in left if t not in failed and results.get(t) != "run"]
        if not failed:
            skipped, left = left, []
    words = {"failed, and passed alone: ": shaky, "not run: ": skipped}
    return "", "; ".join(what + ", ".join(names) for what, names in words.items() if names)


def judge(m):
    """(verdict, detail): caught with the test, survived, or not built with the compiler's words."""
    path = SOURCE / m["file"]
    original = path.read_text()
    assert original.count(m["search"]) == 1
    path.write_text(original.replace(m["search"], m["replace"]))
    try:
        built = build(m["tests"])
        if built.returncode:
            return "not built", built.stdout[-1500:]
        test, why = noticed(m["tests"])
    finally:
        path.write_text(original)
    return ("caught", test) if test else ("survived", why)


def baseline(mutations, state):
    """The tests pass without a bug; else nothing that they say counts."""
    tests = sorted({t for m in mutations for t in m["tests"]})
    stamp = hashlib.sha256("".join(sorted(digest(m) for m in mutations)).encode()).hexdigest()
    if state.get("baseline") == stamp:
        return
    print(f"{len(tests)} tests without a bug ...", flush=True)
    built = build(tests)
    if built.returncode:
        sys.exit(built.stdout[-4000:])
    bad = [t for t, status in run_tests(tests, stop=False).items() if status == "fail"]
    bad = [t for t in bad if run_tests([t], stop=False)[t] == "fail"]  # once more, alone
    if bad:
        sys.exit("these tests fail without a bug: " + ", ".join(bad))
    state["baseline"] = stamp


# --- what was found ------------------------------------------------------------------------------


def read_state(path, fresh):
    """What earlier runs found; what an older run.py wrote and lacks a field of today's is found anew."""
    state = json.loads(path.read_text()) if path.exists() and not fresh else {}
    state["found"] = {name: r for name, r in state.get("found", {}).items() if RESULT <= set(r)}
    return state


ROW = re.compile(r"\| `([^`]+)` \| .* \| ([^|]+) \| ([^|]*) \| ([^|]*) \|")
NOT_RUN = {"verdict": "not run", "detail": "", "when": ""}


def old_rows(path):
    """{bug: its row} of an earlier table; {} where there is none."""
    if not path or not pathlib.Path(path).exists():
        return {}
    rows = map(ROW.fullmatch, pathlib.Path(path).read_text().splitlines())
    return {r[1]: {"verdict": r[2], "detail": r[3], "when": r[4]} for r in rows if r}


def table(mutations, found):
    rows = ["| bug | area | what | verdict | by | when |", "|---|---|---|---|---|---|"]
    for m in mutations:
        r = found.get(m["name"], NOT_RUN)
        detail = r["detail"].splitlines()[0].replace("|", "/") if r["detail"] else ""
        rows.append(f"| `{m['name']}` | {m['area']} | {m['what']} | {r['verdict']} | {detail} | {r['when']} |")
    return rows


def count(mutations, found):
    return collections.Counter(found.get(m["name"], NOT_RUN)["verdict"] for m in mutations)


def write_table(path, everything, found):
    n = count(everything, found)
    others = "".join(f", {n[v]} {v}" for v in sorted(n) if v != "caught")
    head = ["# Seeded bugs and the tests that notice", "",
            f"{n['caught']} of {len(everything)} caught{others} (made by `tests/mutation/run.py --table`).", ""]
    write_if_other(pathlib.Path(path), ("\n".join(head + table(everything, found)) + "\n").encode())


def newest(path, found, names):
    """Rows of the table at path, and what was found since."""
    return {**old_rows(path), **{name: r for name, r in found.items() if name in names}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--table")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--least", type=int, default=38)
    parser.add_argument("--nice", type=int, default=10)
    args = parser.parse_args()
    everything = load()
    fits = check(everything)
    if args.check or not fits:
        return 0 if fits else 1
    before = old_rows(args.table or ROOT / "tests" / "mutation" / "results.md")
    mutations = [m for m in everything if re.search(args.only, m["name"]) and
                 not (args.missing and before.get(m["name"], NOT_RUN)["verdict"] == "caught")]
    if not mutations and not args.missing:
        sys.exit(f"no seeded bug has a name that matches '{args.only}': nothing was run")
    names = {m["name"] for m in mutations}
    os.nice(args.nice)
    WORK.mkdir(parents=True, exist_ok=True)
    state = read_state(STATE, args.fresh)
    found = state["found"]
    todo = [m for m in mutations if found.get(m["name"], {}).get("digest") != digest(m)]
    when = f"{datetime.date.today()}, {run('git', 'rev-parse', '--short', 'HEAD', cwd=ROOT).stdout.strip()}"
    if todo:
        copy_sources()
        configure()
        baseline(todo, state)
        STATE.write_text(json.dumps(state, indent=1))
    for i, m in enumerate(todo, 1):
        began = time.monotonic()
        verdict, detail = judge(m)
        found[m["name"]] = {"digest": digest(m), "verdict": verdict, "detail": detail, "when": when}
        STATE.write_text(json.dumps(state, indent=1))
        if args.table:
            write_table(args.table, everything, newest(args.table, found, names))
        print(f"{i}/{len(todo)} {m['name']}: {verdict} {detail} ({time.monotonic() - began:.0f} s)", flush=True)
    print("\n".join(table(mutations, found)))
    if args.table:
        write_table(args.table, everything, newest(args.table, found, names))
    verdicts = count(mutations, found)
    print(f"{verdicts['caught']} of {len(mutations)} caught, {verdicts['survived']} survived, {verdicts['not built']} not built")
    return 0 if not verdicts["not built"] and (args.only or args.missing or verdicts["caught"] >= args.least) else 1


if __name__ == "__main__":
    sys.exit(main())
