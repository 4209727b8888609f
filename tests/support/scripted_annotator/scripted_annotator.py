#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program for the command annotator that misbehaves as told: scripted_annotator.py BEHAVIOUR DIR

The truth: a caption that holds "good" is 1, else 0. DIR/lives has a line per start with the process id (DIR - = none).
"""
import json
import os
import sys
import time

behaviour, folder = sys.argv[1:]
with open(os.path.join(folder, "lives") if folder != "-" else os.devnull, "a+") as f:
    f.write(f"{os.getpid()}\n")
    f.seek(0)
    life = len(f.readlines())


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hang():
    while True:
        time.sleep(60)


class Once(set):
    """True the first time a thing is seen in this life."""

    def __call__(self, thing):
        new = thing not in self
        self.add(thing)
        return new


def still_ill(count):
    """True for the first so many calls, in all lives; DIR/questions has a byte for each."""
    with open(os.path.join(folder, "questions"), "ab") as book:
        book.write(b".")
        return book.tell() <= count


once, held, answered = Once(), [], 0

if behaviour == "dead":
    print("I cannot go on", file=sys.stderr)
    sys.exit(3)
if behaviour == "breaks" and 2 <= life <= 7:
    sys.exit("the licence has expired")
if behaviour == "dead_first" and life <= 2:
    sys.exit(1)
if behaviour == "killed_first" and life == 1:
    os.kill(os.getpid(), 9)
if behaviour == "mute":
    os.close(1)
    hang()
if behaviour == "endless_line" and life == 1:
    sys.stdout.write("x" * 100000)
    sys.stdout.flush()

for line in sys.stdin:
    q = json.loads(line)
    good = "good" in q["caption"]
    a = {"id": q["id"], "label": int(good), "raw": "scripted"}
    if q["kind"] == "pair":
        a["label"] = (1 + ("good" in q["caption_b"]) - good) / 2
    if behaviour == "hang":
        hang()
    elif behaviour == "hang_first" and life == 1:
        sys.stdin.read()  # to its end: the server may have been killed
        sys.exit(0)
    elif behaviour == "when_told":
        open(os.path.join(folder, "got"), "w").close()
        while not os.path.exists(os.path.join(folder, "answer")):
            time.sleep(0.05)
    elif behaviour == "deaf" and life <= 2:
        os.close(0)
        say(json.dumps(a))
        time.sleep(0.2)  # in which it is written to
        os._exit(0)
    elif behaviour == "garbage":
        say("Traceback: \x1b[2J")
        continue
    elif behaviour == "liar":
        a["id"] += 1000000
    elif behaviour == "chatty":
        print("thinking\x1b[2J", file=sys.stderr)
        say("I think...")
        say("[1, 2]")
        say(json.dumps({"id": 10 ** 15, "label": 1 - a["label"]}))
        say(json.dumps({"id": "1", "label": 1 - a["label"]}))
    elif behaviour == "twice":
        say(json.dumps(a))
        a["label"] = 1 - a["label"]
    elif behaviour == "seven" or (behaviour == "seven_once" and "poison" in q["caption"]):
        a["label"] = 7
    elif behaviour == "repents" and still_ill(10):
        a["label"] = 7
    elif behaviour == "often_wrong" and q["id"] % 3:
        a["label"] = 7
    elif behaviour == "error":
        a = {"id": q["id"], "error": "the service is overloaded"}
    elif behaviour == "word":
        a["label"] = "yes"
    elif behaviour == "nothing":
        del a["label"]
    elif behaviour == "both":
        a["abstain"] = "perhaps"
    elif behaviour == "sure":
        a["confidence"] = 2
    elif behaviour == "shy":
        del a["label"]
        a["abstain"] = "I would rather not"
    elif behaviour == "boolean":
        a["label"] = good
    elif behaviour == "fickle" and q["vote"] == 0:
        a["label"] = 1 - a["label"]
    elif behaviour == "poison" and "poison" in q["caption"]:
        sys.exit(5)
    elif behaviour == "nonsense_then_silent" and "poison" in q["caption"]:
        if not still_ill(2):
            continue
        a["label"] = 7
    elif behaviour == "loses" and "lost" in q["caption"] and once(q["caption"]):
        continue
    elif behaviour == "pairs":
        held.append(a)
        if len(held) < 2:
            continue
        say(json.dumps(held.pop()))
        a = held.pop()
    say(json.dumps(a))
    answered += 1
    if behaviour == "one_shot" or (behaviour == "breaks" and answered == 12 and life == 1):
        sys.exit(0)
