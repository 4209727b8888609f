# SPDX-License-Identifier: MIT
"""Fenced blocks of the Markdown pages, and the remarks beside them that say how the tests run them (deploy/docs/README.md)."""
import dataclasses
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "deploy" / "docs"))
from assemble import pages  # noqa: E402

LANGUAGES = {"sh", "text", "yaml", "c", "python", "json", "proto"}
COMMANDS = re.compile(r"(\w+\$ |build/|onic[ -]|\./|deploy/|tests/)")  # a block of these must be called sh
REMARK = re.compile(r"<!-- test: (skip|slow|background|replace|needs|exit)(?: (.*?))? -->")


@dataclasses.dataclass
class Line:
    number: int
    text: str
    skip: str = ""  # a reason
    slow: bool = False
    background: bool = False
    exit: int = 0

    def command(self):
        """Without what a comment says, which may name other commands."""
        return re.sub(r"(?m)(^|\s)#( .*)?$", "", self.text)


@dataclasses.dataclass
class Block:
    page: str
    number: int
    language: str
    lines: list
    needs: list


class Wrong(Exception):
    pass


def joined(raw, first):
    """Lines of a shell: those that end with a backslash or stand in a here-document go together."""
    out, held, end = [], [], None
    for i, text in enumerate(raw):
        held.append(text)
        if end:
            if text.strip() == end:
                end = None
        else:
            here = re.search(r"<<-? ?'?(\w+)'?", text)
            end = here.group(1) if here else None
        if end or text.endswith("\\"):
            continue
        whole = "\n".join(held)
        if whole.strip() and not all(t.lstrip().startswith("#") for t in held if t.strip()):
            out.append(Line(first + i - len(held) + 1, whole))
        held = []
    if held:
        raise Wrong(f"line {first}: a command of this block does not end")
    return out


def apply(where, remarks, lines):
    """What the remarks above a block say of its lines."""
    needs = []
    for kind, rest in remarks:
        rest = rest or ""
        if kind == "needs":
            needs += rest.split()
        elif kind == "replace":
            old, arrow, new = rest.partition(" => ")
            if not arrow or not any(old in line.text for line in lines):
                raise Wrong(f"{where}: 'replace {rest}' fits nothing in the block: OLD => NEW")
            for line in lines:
                line.text = line.text.replace(old, new)
        elif kind == "exit":
            code, _, pattern = rest.partition(" ")
            of(where, kind, pattern, lines, lambda line: setattr(line, "exit", int(code)))
        elif kind == "skip":
            pattern, colon, reason = rest.rpartition("; ") if "; " in rest else ("", "", rest)
            if not reason:
                raise Wrong(f"{where}: 'skip' wants a reason: skip [WORDS; ]REASON")
            of(where, kind, pattern, lines, lambda line: setattr(line, "skip", reason))
        else:
            of(where, kind, rest, lines, lambda line: setattr(line, kind, True))
    return needs


def of(where, kind, pattern, lines, change):
    """Of every line whose command has these words; without words of all."""
    hit = [line for line in lines if pattern in line.command()]
    if not hit:
        raise Wrong(f"{where}: '{kind} {pattern}' fits no line of the block")
    for line in hit:
        change(line)


def blocks(page):
    """The fenced blocks of a page; of those that are sh each command."""
    raw = (ROOT / page).read_text(encoding="utf-8").split("\n")
    remarks, block, i = [], None, 0
    while i < len(raw):
        fence = re.match(r"( *)```(.*)$", raw[i])
        if fence:
            end = next((k for k in range(i + 1, len(raw)) if raw[k].strip() == "```"), None)
            if end is None:
                raise Wrong(f"{page}:{i + 1}: a block does not end")
            inside = [text[len(fence.group(1)):] for text in raw[i + 1:end]]
            where, language = f"{page}:{i + 1}", fence.group(2).strip()
            if not language and not COMMANDS.match(inside[0] if inside else ""):
                language = "text"
            if language not in LANGUAGES:
                raise Wrong(f"{where}: a block is one of {', '.join(sorted(LANGUAGES))}; commands are sh, what is none of them is text or nothing")
            block = Block(page, i + 1, language, [], [])
            if language == "sh":
                block.lines = joined(inside, i + 2)
                block.needs = apply(where, remarks, block.lines)
            elif remarks:
                raise Wrong(f"{where}: what a test does stands beside a block of {language}, not sh")
            yield block
            remarks, i = [], end + 1
            continue
        remark = REMARK.fullmatch(raw[i].strip())
        if remark:
            remarks.append(remark.groups())
        elif raw[i].strip().startswith("<!-- test:"):
            raise Wrong(f"{page}:{i + 1}: the test does not understand {raw[i].strip()}")
        elif raw[i].strip() and remarks:
            raise Wrong(f"{page}:{i + 1}: between what a test does and the block there is text")
        i += 1


def all_pages():
    return pages()
