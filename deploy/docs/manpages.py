#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pages of the manual: manpages.py BUILD VERSION DATE OUT writes OUT/{onic,onic-learner,onic-actor,onic-reward-server}.1.

Made of what the programs in BUILD say to --help, while onic is built (deploy/CMakeLists.txt). Standard library only."""
import pathlib
import re
import sys

import generate
import programs

WHAT = {"onic": "train agents with reinforcement learning and language feedback",
        "onic-learner": "train on the trajectories of actors, and publish weights",
        "onic-actor": "play environments for a learner",
        "onic-reward-server": "label messages with an annotator, and keep the labels"}
ENVIRONMENT = [("ONIC_SECTION_KEY", "the option --section.key; the command line wins."),
               ("ONIC_CACHE", "the folder of fetched packages: NetHack, the sentence model."),
               ("OPENAI_API_KEY", "the key for a language model, where llm.api_key_file names none."),
               ("ONIC_CURVE_SECRET, ONIC_CURVE_LEARNER, ONIC_CURVE_ACTOR, ONIC_CURVE_REWARD_SERVER, ONIC_CURVE_OBSERVER", "keys, instead of the folder security.keys."),
               ("NO_COLOR", "pictures have no colours.")]


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def plain(markdown):
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "").strip()


def exit_codes():
    """The table of the interface: [(code, meaning)]"""
    section = generate.source("deploy/interface.md").split("## 3. Exit codes")[1].split("## 4.")[0]
    return [(code, plain(text)) for code, text in re.findall(r"^\| (\d+) \| ([^|]*) \|", section, re.M)]


def synopsis(command):
    lines = [line for line in command.usage.split("\n") if re.match(r"usage: |       onic| {18,}\S", line)]
    return [".nf", *(escaped(re.sub(r"^(usage: |       )", "", line)) for line in lines), ".fi"]


def described(command):
    """What is said below the usage: paragraphs, or lines of a table as they stand."""
    out, table = [], False
    for line in command.usage.split("\n"):
        if re.match(r"usage: |       onic| {18,}\S", line) and not table or not line.strip():
            continue
        if line.startswith("  ") != table:
            table = not table
            out.append(".nf" if table else ".fi")
        out.append(escaped(line))
    return out + ([".fi"] if table else [])


def options(found):
    out, section = [], None
    for option in found:
        if option.name.partition(".")[0] != section:
            section = option.name.partition(".")[0]
            out.append(f".SS {section}")
        out += [".TP", f"\\fB{escaped('--' + option.name)}\\fR={escaped(option.values)}", escaped(option.text or "see onic(1)")]
    return out


def page(program, version, date, all_commands):
    own = [c for c in all_commands if c.program == program]
    out = [f'.TH {program.upper()} 1 "{date}" "onic {version}" "User commands"', ".SH NAME", escaped(f"{program} ") + "\\- " + escaped(WHAT[program]), ".SH SYNOPSIS"]
    if program == "onic":
        out += [".B onic", "COMMAND [ARGUMENTS] [\\-\\-section.key=value ...]", ".SH DESCRIPTION",
                escaped("Actors play environments and say in words what happened; a learner trains on what they play; a reward server asks an annotator what the words are worth. "
                        "onic train starts all of them on one machine, the other commands look at runs."), ".SH COMMANDS"]
        for command in own:
            out += [f".SS onic {command.name}", escaped(command.summary) + ".", ".PP", *synopsis(command), ".PP", *described(command)]
        found = max((c.options for c in own), key=len)
    else:
        out += [*synopsis(own[0]), ".SH DESCRIPTION", *described(own[0])]
        found = own[0].options
    out += [".SH OPTIONS", escaped("Written as --section.key=value, as ONIC_SECTION_KEY in the environment, or in a YAML file as section: {key: value}; the last of default, files, "
                                   "environment and command line wins. In brackets: the default."), *options(found), ".SH ENVIRONMENT"]
    for name, text in ENVIRONMENT:
        out += [".TP", escaped(name), escaped(text)]
    out.append(".SH EXIT STATUS")
    for code, text in exit_codes():
        out += [".TP", code, escaped(text)]
    others = [name for name in WHAT if name != program]
    out += [".SH SEE ALSO", ", ".join(f"{escaped(name)}(1)" for name in others),
            ".PP", escaped("The documentation is a site: deploy/docs/build.sh of the sources makes it.")]
    return "\n".join(line for line in out if line.strip()) + "\n"


def main():
    build, version, date, out = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
    out.mkdir(parents=True, exist_ok=True)
    all_commands = programs.read(build)
    for program in WHAT:
        (out / f"{program}.1").write_text(page(program, version, date, all_commands), encoding="utf-8")


if __name__ == "__main__":
    main()
