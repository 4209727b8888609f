# SPDX-License-Identifier: MIT
"""What the programs in a build folder understand, as their --help says it: for completion.py and manpages.py. Standard library only."""
import dataclasses
import re

from generate import PROGRAMS, asked, commands, source, usage

FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*)(=[^\s\])]*)?(?![\w.-])")
SHORT = {"--run-dir": "run.dir", "--frames": "run.frames", "--seed": "run.seed", "--deterministic": "run.deterministic", "--on-exists": "run.on_exists",
         "--listen": "listen.address", "--learner": "actors.learner", "--orphan-timeout": "actors.orphan_timeout_s"}


@dataclasses.dataclass
class Option:
    name: str  # run.frames
    values: str  # TEXT, 0..5, true|false
    text: str

    def choices(self):
        return self.values.split("|") if "|" in self.values else []


@dataclasses.dataclass
class Command:
    program: str  # onic
    name: str  # train; empty of a program alone
    summary: str
    usage: str
    options: list
    flags: dict = dataclasses.field(default_factory=dict)  # --frames -> choices, [] of any value, None of none
    words: list = dataclasses.field(default_factory=list)  # count, list, ... of labels


def options_of(text):
    """Of a --help=all"""
    found = []
    for line in text.split("\n"):
        head = re.match(r"  --([a-z]+\.[a-z_0-9]+)=(\S+)(?:  +(.*))?$", line)
        if head:
            found.append(Option(head.group(1), head.group(2), head.group(3) or ""))
        elif found and re.match(r" {20,}\S", line):
            found[-1].text = (found[-1].text + " " + line.strip()).strip()
    return found


def extra_of(name):
    """The flags of a command's own, from its table in deploy/cli."""
    table = re.search(r"\.extra =\s*\(const char \*const\[\]\)\{(.*?)NULL\}", source(f"deploy/cli/cmd_{name.replace('-', '_')}.c"), re.S) if name else None
    for flag, value in re.findall(r'"(--[a-z0-9-]+)(=?-?)"', table.group(1)) if table else []:
        yield flag, [] if value == "=" else None


def flags_of(text, options, name):
    known = {o.name: o for o in options}
    flags = {"--help": None, "--version": None, **dict(extra_of(name))}
    for flag, value in FLAG.findall(text.replace("|--", " --")):
        choices = [c for c in value[1:].split("|") if re.fullmatch(r"[a-z][a-z-]*", c)] if "|" in value else []
        if choices or flags.get(flag) is None:
            flags[flag] = choices or ([] if value else None)
    for short, name in SHORT.items():
        if name in known and (short in flags or short in ("--run-dir", "--frames", "--seed")):
            flags[short] = None if short == "--deterministic" else known[name].choices()
    return flags


def read(build):
    """[Command] of every program"""
    out = []
    for name, summary in [*commands(), *((program, "") for program in PROGRAMS)]:
        words = [str(build / "onic"), name] if summary else [str(build / name)]
        text = usage(asked(words))
        options = options_of(asked(words, "--help=all" if "--help=all" in asked(words) else "--help"))
        command = Command("onic" if summary else name, name if summary else "", summary, text, options)
        command.flags = flags_of(text, options, command.name)
        command.words = list(dict.fromkeys(re.findall(rf"^ *(?:usage: )?onic {name} +([a-z]+)\b", text, re.M))) if summary else []
        out.append(command)
    return out
