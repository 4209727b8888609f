#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program as annotator: onic train CONFIG --annotator.id=command --command.run="python3 deploy/examples/annotator.py"

One JSON line per question comes in, one per answer goes out (reward_server/README.md). Replace the rule by your own.
"""
import json
import sys

GOOD = ("key", "unlock", "open", "ball")

for line in sys.stdin:  # ends when the reward server does
    question = json.loads(line)
    answer = {"id": question["id"]}
    if question["kind"] == "class":
        hits = [word for word in GOOD if word in question["caption"]]
        answer.update(label=int(bool(hits)), raw="has " + ", ".join(hits) if hits else "has none of the words")
    else:
        answer.update(abstain=f"cannot answer questions of kind {question['kind']}")
    print(json.dumps(answer), flush=True)  # stdout is for answers; print what you want to see to stderr
