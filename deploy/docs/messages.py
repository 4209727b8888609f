#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Warnings and errors that programs log, and the entries of operations.md that explain them.

    messages.py            what is missing on either side; exits 1 when something is
    messages.py --list     every message with its level and place

A message that is written as one text is an entry's heading. One that is put together when it is said (a variable) is claimed by a line
`<!-- says: FILE EXPRESSION -->` below the heading of the entry that explains what it can be. Standard library only."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "deploy" / "docs" / "operations.md"
FOLDERS = ("actor", "common", "deploy", "learner", "reward_server")
CALL = re.compile(r"(?<!define )\b(log_warn|log_error|log_write)\(")


def arguments(text, at):
    """The first two arguments of a call whose bracket opens before `at`."""
    depth, quoted, out, begin = 0, False, [], at
    while len(out) < 2:
        c = text[at]
        if quoted:
            at += c == "\\"
            quoted = c != '"'
        elif c == '"':
            quoted = True
        elif c in "([{":
            depth += 1
        elif c in ")]}" and depth:
            depth -= 1
        elif (c == "," and not depth) or c == ")":
            out.append(" ".join(text[begin:at].split()))
            if c == ")":
                return out
            begin = at + 1
        at += 1
    return out


def message(argument):
    """(texts, None) of an argument of literals (two when a question mark chooses), (None, expression) of anything else."""
    literal = r'(?:"(?:[^"\\]|\\.)*"\s*)+'
    chosen = re.fullmatch(rf"[^\"?]+\? ({literal}): ({literal})", argument)
    parts = chosen.groups() if chosen else [argument] if re.fullmatch(literal, argument) else None
    if not parts:
        return None, argument
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part)).replace('\\"', '"') for part in parts], None


def said():
    """[(level, place, text or None, claim or None)]"""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.c")):
            text, name = file.read_text(encoding="utf-8"), str(file.relative_to(ROOT))
            if name in ("common/base/log.c", "common/base/log_json.c") and "log_warn" not in text and "log_error" not in text:
                continue
            for call in CALL.finditer(text):
                got = arguments(text, call.end())
                level = "error" if call.group(1) == "log_error" else "warn"
                if call.group(1) == "log_write":
                    if got[0].startswith("enum ") or not re.search(r"LOG_(WARN|ERROR)", got[0]):
                        continue
                    level, got = "warn" if "WARN" in got[0] else "error", got[1:]
                place = f"{name}:{text.count(chr(10), 0, call.start()) + 1}"
                texts, expression = message(got[0])
                for t in texts or []:
                    yield level, place, t, None
                if expression:
                    yield level, place, None, f"{name} {expression}"


def explained():
    """(headings without a claim, claims) of the page"""
    headings, claims = [], []
    for section in re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]:
        of = re.findall(r"^<!-- says: (.+) -->$", section, re.M)
        claims += of
        if not of:
            headings.append(section.split("\n", 1)[0].strip())
    return headings, claims


def has_entry(text, headings):
    """Is it a heading, or begins with one that is cut at ' ...'?"""
    return any(text == h or (h.endswith(" ...") and text.startswith(h[:-4])) for h in headings)


def main():
    found = list(said())
    if "--list" in sys.argv:
        for level, place, text, claim in found:
            print(f"{level:5}  {place}  {text or claim}")
        return 0
    headings, claims = explained()
    wrong = []
    for _, place, text, claim in found:
        if text and not has_entry(text, headings):
            wrong.append(f"{place}: '{text}' has no entry in deploy/docs/operations.md: a heading of that text, what it means, what to do")
        if claim and claim not in claims:
            wrong.append(f"{place}: this message is put together; the entry of deploy/docs/operations.md that explains it wants a line <!-- says: {claim} -->")
    wrong += [f"deploy/docs/operations.md: no program says '{h}' any more" for h in headings if not any(text and has_entry(text, [h]) for _, _, text, _ in found)]
    wrong += [f"deploy/docs/operations.md: no source has '{claim}' any more" for claim in sorted(set(claims) - {c for _, _, _, c in found})]
    if len(found) < 50:
        wrong.append(f"only {len(found)} messages were found in the sources: this check looks at nothing")
    print("\n".join(wrong + [f"{len(found)} messages, {len(wrong)} without an entry or a source"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
