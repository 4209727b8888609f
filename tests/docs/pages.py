#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What can be asked of the documentation without running anything: are links whole, is every warning explained, are options, metrics and
commands that a page names those that there are, does every block say what it is? ctest: docs/pages. Standard library only."""
import pathlib
import re
import subprocess
import sys

from blocks import ROOT, Wrong, all_pages, blocks

import generate  # noqa: E402
import links  # noqa: E402
import messages  # noqa: E402

NAMED = re.compile(r"`(?:--)?([a-z]+\.[a-z_0-9]+)(?:=[^`]*)?`|(?<![\w.-])--([a-z]+\.[a-z_0-9]+)(?==|\b)")
# What looks like an option and is a file, a function's field or an option of another project.
NOT_OURS = re.compile(r"\.(c|h|def|yaml|yml|md|txt|json|jsonl|sh|py|so|toml|log|key|allow|csv|gif|svg|html|sqlite|proto|safetensors|cfg|png|mp4|cast|pc|tsv|spec|lock|sbatch)$|^policy\.(log_deviation|[wb])$")


def options():
    """The names in the page of options, which `unit/common/config` compares with the table."""
    return set(re.findall(r"^\| `([a-z]+\.[a-z_0-9]+)` \|", (ROOT / "deploy/options.md").read_text(encoding="utf-8"), re.M))


def unknown_options(known):
    sections = {name.partition(".")[0] for name in known}
    for page in all_pages():
        if page == "CHANGELOG.md" or page.startswith("deploy/experiments/"):
            continue
        for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").split("\n"), 1):
            for match in NAMED.finditer(line):
                name = match.group(1) or match.group(2)
                if name.partition(".")[0] in sections and name not in known and not NOT_OURS.search(name):
                    yield f"{page}:{number}: there is no option {name}"


def unknown_commands():
    known = {name for name, _ in generate.commands()}
    for page in all_pages():
        if not page.startswith("deploy/docs/"):
            continue
        for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").split("\n"), 1):
            for word in re.findall(r"(?:^|`|\s)(?:build/)?onic ([a-z]+)\b", line):
                if ("`" in line or line.startswith("build/onic")) and word not in known and re.search(rf"(`|^)(build/)?onic {word}\b", line):
                    yield f"{page}:{number}: there is no command onic {word}"


def unexplained():
    headings, claims = messages.explained()
    for _, place, text, claim in messages.said():
        if text and not messages.has_entry(text, headings) or claim and claim not in claims:
            yield f"{place}: '{text or claim}' has no entry in deploy/docs/operations.md; deploy/docs/messages.py says more"
    found = list(messages.said())
    for heading in headings:
        if not any(text and messages.has_entry(text, [heading]) for _, _, text, _ in found):
            yield f"deploy/docs/operations.md: no program says '{heading}' any more"


def wrong_blocks():
    for page in all_pages():
        try:
            list(blocks(page))
        except Wrong as e:
            yield str(e)


def mapped_wrong(known):
    """Tables of the page for people who come from elsewhere: the last column that is one of ours names options or metrics that there are."""
    page = "deploy/docs/coming-from.md"
    path = ROOT / page
    if not path.exists():
        return
    metrics = set(re.findall(r'^PROM\w*\("([^"]+)"', (ROOT / "common/metrics/prometheus.def").read_text(encoding="utf-8"), re.M))
    rows = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) < 2 or set(cells[0]) <= {"-"} or "onic" in cells[1]:
            continue
        rows += 1
        for name in re.findall(r"`([a-z_]+[./][A-Za-z_0-9*]+)(?:=[^`]*)?`", cells[1]):
            if name not in known and name.rstrip("*") not in metrics:
                yield f"{page}:{number}: onic has neither an option nor a metric {name}"
    if rows < 30:
        yield f"{page}: only {rows} rows were understood: this check looks at nothing"


def far_pages():
    """Whoever reads the repository without the site has links alone: each page of the site's list is two of them away from the README."""
    listed = set(re.findall(r"([\w./-]+\.md)$", (ROOT / "deploy/docs/mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2], re.M))
    near = {"README.md"}
    for _ in range(2):
        for page in list(near):
            lines = links.prose((ROOT / page).read_text(encoding="utf-8")).split("\n")
            targets = [t for line in lines for t in links.links_of(line)]
            files = [(ROOT / page).parent / t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]
            near |= {str(f.resolve().relative_to(ROOT)) for f in files if f.suffix == ".md" and f.is_file()}
    if len(listed) < 30:
        yield f"deploy/docs/mkdocs.yml: only {len(listed)} pages were understood: this check looks at nothing"
    yield from (f"README.md: {page} is more than two links away" for page in sorted(listed - near))


def kept_secrets():
    """What `onic keygen keys` of the pages leaves in a checkout goes into no commit and no image."""
    if ".key" not in (ROOT / ".dockerignore").read_text(encoding="utf-8"):
        yield ".dockerignore: an image would have the keys of the checkout"
    if (ROOT / ".git").exists():
        for name in ("keys/learner.key", "two/actor.key", "keys/actor.allow"):
            if subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT).returncode == 1:
                yield f".gitignore: {name} would be committed"


def main():
    known = options()
    found = [] if len(known) > 100 else ["deploy/options.md names hardly an option: these checks look at nothing"]
    for check in (links.broken_markdown(), unexplained(), unknown_options(known), unknown_commands(), wrong_blocks(), mapped_wrong(known), far_pages(), kept_secrets()):
        found += check
    print("\n".join(found + [f"{len(all_pages())} pages, {len(found)} mistakes"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
