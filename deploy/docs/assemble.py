#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts the source of the site together: assemble.py BUILD OUT

OUT/src holds every Markdown page of the repository at its own path, with the files that pages show or link; a line
`<!-- generated: NAME -->` is replaced by what generate.py makes of the code and of the programs in BUILD. OUT/mkdocs.yml is
mkdocs.yml with the pages that its navigation does not name. Standard library only."""
import pathlib
import re
import shutil
import subprocess
import sys

import generate

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GENERATED = re.compile(r"^<!-- generated: ([a-z_]+) -->$", re.M)
LINK = re.compile(r"(?<!`)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def pages():
    """Paths of all Markdown pages from the root of the repository."""
    done = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        found = done.stdout.split()
    else:
        found = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.md") if not str(p.relative_to(ROOT)).startswith(("build", "runs", ".git/"))]
    return sorted(p for p in found if (ROOT / p).is_file())


def prose(text):
    """The page with its fenced blocks blanked: what links and headings are looked for in."""
    return re.sub(r"^( *)```.*?^\1```$", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S | re.M)


def loosen(text):
    """A blank line before lists and tables that follow a line of text: GitHub does without, Markdown's library does not."""
    out, fenced, before = [], False, ""
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        starts = re.match(r"(\* |- |\d+\. |\|)", line)
        if not fenced and starts and before.strip() and not re.match(r"\s*(\* |- |\d+\. |\||#|<!--)|\s+\S", before):
            out.append("")
        out.append(line)
        before = line
    return "\n".join(out)


def page_title(path):
    for line in prose((ROOT / path).read_text(encoding="utf-8")).split("\n"):
        if line.startswith("# "):
            return line[2:].replace("`", "").strip()
    return path


def stage(build, src):
    (src / "deploy/docs").mkdir(parents=True, exist_ok=True)
    for name in ("iframe-worker.js", "wide.css"):
        shutil.copyfile(HERE / name, src / "deploy/docs" / name)
    for path in pages():
        text = (ROOT / path).read_text(encoding="utf-8")
        for target, _ in LINK.findall(prose(text)):
            file = (ROOT / path).parent / target
            if "://" not in target and file.is_file() and file.suffix != ".md":
                copy = src / file.resolve().relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        text = GENERATED.sub(lambda m: generate.make(m.group(1), build), text)
        (src / path).parent.mkdir(parents=True, exist_ok=True)
        (src / path).write_text(loosen(text), encoding="utf-8")


def navigation(template):
    """The template with a section of the pages that it does not name."""
    named = set(re.findall(r"[A-Za-z0-9_./-]+\.md", template))
    rest = [p for p in pages() if p not in named]
    lines = ["  - Source folders:"] + [f"      - {page_title(p)!r}: {p}" for p in rest]
    return template + "\n".join(lines) + "\n"


def main():
    build, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    shutil.rmtree(out / "src", ignore_errors=True)
    stage(build, out / "src")
    (out / "mkdocs.yml").write_text(navigation((HERE / "mkdocs.yml").read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
