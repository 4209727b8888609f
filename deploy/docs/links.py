#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Are the links whole? links.py: those between the Markdown pages of the repository; links.py SITE: those of a built site.

Prints a line for each link that leads to no file, or to no place in it, and ends with 1 when there is one. Addresses elsewhere
(https:) are not asked. Standard library only."""
import html.parser
import pathlib
import re
import sys
import urllib.parse

from assemble import ROOT, pages, prose

MARKDOWN_LINK = re.compile(r"(?<![`\\])\[(?:[^\[\]]|`[^`]*`|\[[^\]]*\])*\]\(([^)\s]+)\)")


def links_of(line):
    """Where the links of a line lead. What is between backticks is none, unless it is what a link is called."""
    return MARKDOWN_LINK.findall(re.sub(r"(\[`[^`]*`\])|`[^`]*`", lambda m: m.group(1) or "", line))


def slug(heading):
    """The anchor of a heading, as GitHub and the site make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    return {slug(m.group(1)) for m in re.finditer(r"^#{1,6} +(.+?) *#*$", prose(text), re.M)} | set(re.findall(r'<a id="([^"]+)"', text))


def broken_markdown():
    texts = {p: (ROOT / p).read_text(encoding="utf-8") for p in pages()}
    count = 0
    for page, text in texts.items():
        for number, line in enumerate(prose(text).split("\n"), 1):
            for target in links_of(line):
                if re.match(r"[a-z]+:", target):
                    continue
                count += 1
                path, _, anchor = target.partition("#")
                file = (ROOT / page).parent / path if path else ROOT / page
                if not file.exists():
                    yield f"{page}:{number}: {target} leads to no file"
                    continue
                name = str(file.resolve().relative_to(ROOT))
                if anchor and name in texts and anchor not in anchors(texts[name]):
                    yield f"{page}:{number}: {target} leads to no heading of {name}"
    if not count:
        yield "no page has a link: this check looks at nothing"


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links = set(), []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if attrs.get("id"):
            self.ids.add(attrs["id"])
        for key in ("href", "src"):
            if attrs.get(key):
                self.links.append(attrs[key])


def broken_site(site):
    read = {}
    for file in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(file.read_text(encoding="utf-8"))
        read[file.resolve()] = page
    if len(read) < 10:
        yield f"{site} has {len(read)} pages: this is no site of the documentation"
    for file, page in read.items():
        for link in page.links:
            if re.match(r"[a-z]+:|//", link) or file.name == "404.html":
                continue
            path, _, anchor = urllib.parse.unquote(link).partition("#")
            target = (file.parent / path.partition("?")[0]).resolve() if path and path != "." else file
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{file.relative_to(site.resolve())}: {link} leads to no file"
            elif anchor and target in read and anchor not in read[target].ids:
                yield f"{file.relative_to(site.resolve())}: {link} leads to no place in that page"


def main():
    found = list(broken_site(pathlib.Path(sys.argv[1])) if len(sys.argv) > 1 else broken_markdown())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
