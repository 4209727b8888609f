#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real shells complete onic, and the manual is right: completion.py; needs $ONIC_BUILD. ctest: docs/completion

Bash and zsh are typed into on a terminal, fish is asked by `complete -C`; mandoc and man look at the pages. What is not installed is said, and
exit 77 means that nothing was."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from blocks import ROOT

import programs  # noqa: E402

BUILD = pathlib.Path(os.environ.get("ONIC_BUILD", ROOT / "build"))
# (typed, what the line becomes)
TYPED = [("onic tra", "onic train "), ("onic labels ver", "onic labels verify "), ("onic train --run.on_e", "--run.on_exists="),
         ("onic train --run.on_exists=f", "--run.on_exists=fail"), ("onic sweep --dry", "--dry-run"), ("onic keygen keys --role=obs", "--role=observer"),
         ("onic play --random --env.id=minigrid:ObstructedMaze-F", "minigrid:ObstructedMaze-Full"), ("onic-actor --learn", "--learner="), ("onic eval --env.max_s", "--env.max_steps=")]
WAIT_S = 60
failures = []


def must(condition, sentence):
    if not condition:
        failures.append(sentence)


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, text):
        """Until it was shown behind what was waited for before."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            at = self.seen.find(text)
            if at >= 0:
                self.seen = self.seen[at + len(text):]
                return True
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x07|\x1b[=>]", "", os.read(self.fd, 65536).decode(errors="replace"))
                except OSError:
                    return False
        return False

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def try_terminal(name, command, setup, env):
    shell = Terminal(command, env)
    shell.type(setup + "; echo rea''dy\n")
    must(shell.wait("ready"), f"{name} did not take the completion: {shell.seen[-400:]!r}")
    for typed, becomes in TYPED:
        shell.type("\x15" + typed)
        must(shell.wait(typed), f"{name} does not show '{typed}': {shell.seen[-200:]!r}")
        rest = becomes[len(typed):] if becomes.startswith(typed) else becomes[next(k for k in range(len(becomes), -1, -1) if typed.endswith(becomes[:k])):]
        shell.type("\t")
        if rest.strip():
            must(shell.wait(rest.rstrip()), f"{name} does not make '{becomes}' of '{typed}': {shell.seen[-300:]!r}")
        if failures:
            break
    shell.close()


def try_fish(out, env):
    for typed, becomes in TYPED:
        asked = subprocess.run(["fish", "--no-config", "-c", f"source {out}/onic.fish; complete -C '{typed}'"], env=env, capture_output=True, text=True)
        offered = [line.split("\t")[0] for line in asked.stdout.splitlines()]
        word = becomes.split()[-1].rstrip("=")
        must(any(o.rstrip("=").endswith(word) for o in offered), f"fish offers {offered[:8]} of '{typed}', not {word}: {asked.stderr[-300:]}")


def whole(out, commands):
    """Is everything that --help names in each of the scripts and on a page?"""
    texts = {name: (out / name).read_text() for name in ("onic.bash", "_onic", "onic.fish", "onic.1")}
    for c in commands:
        page = (out / f"{c.program}.1").read_text().replace("\\-", "-")
        must(not c.name or f".SS onic {c.name}\n" in page, f"{c.program}.1 has no section of onic {c.name}")
        for option in c.options:
            for name in ("onic.bash", "_onic"):
                must(f"--{option.name}=" in texts[name], f"{name} does not complete --{option.name}")
            must(f" -l {option.name} " in texts["onic.fish"], f"onic.fish does not complete --{option.name}")
            must(f"--{option.name}" in page, f"{c.program}.1 does not name --{option.name}")
    train = next(c for c in commands if c.name == "train")
    must(len(train.options) > 100 and "--on-exists" in train.flags, "hardly an option was read out of --help: this check looks at nothing")


def check_pages(out):
    for page in sorted(out.glob("*.1")):
        for tool in (["mandoc", "-T", "lint", "-W", "warning", str(page)], ["man", "--warnings=w", "-E", "UTF-8", "-l", "-Tutf8", str(page)]):
            if shutil.which(tool[0]):
                done = subprocess.run(tool, capture_output=True, text=True, env={**os.environ, "MANWIDTH": "100"})
                said = done.stdout if tool[0] == "mandoc" else done.stderr
                must(not said.strip(), f"{tool[0]} says of {page.name}: {said[:500]}")


def main():
    commands = programs.read(BUILD)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:  # fish makes folders in it
        env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": home, "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        out = pathlib.Path(folder)
        made = ROOT / "deploy/docs"
        subprocess.run([sys.executable, "-B", made / "completion.py", BUILD, out], check=True)
        subprocess.run([sys.executable, "-B", made / "manpages.py", BUILD, "0", "2000-01-01", out], check=True)
        whole(out, commands)
        check_pages(out)
        os.chdir(out)
        try_terminal("bash", ["bash", "--norc", "--noprofile", "-i"], f"PS1='> '; bind 'set enable-bracketed-paste off'; source {out}/onic.bash", env)
        for name, tried in (("zsh", lambda: try_terminal("zsh", ["zsh", "-f", "-i"], f"PS1='> '; unsetopt zle_bracketed_paste; fpath=({out} $fpath); autoload -U compinit; compinit -u -D", env)),
                            ("fish", lambda: try_fish(out, env))):
            if shutil.which(name):
                tried()
            else:
                print(f"{name} is not installed: its completion was not tried")
    print("\n".join(failures + [f"{len(commands)} commands, {len(failures)} failures"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
