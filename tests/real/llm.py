#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Labels of a real language model behind a real OpenAI-compatible server, all the way into the policy.

That log-probabilities are found and calibrated, and labels of one token agree with the rules better than chance; that pairs are
asked in both orders; that a constraint binds texts; that the policy is paid, and training outlives the server.
"""
import argparse
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LABEL = 2  # labels.state of an answer that is a label (common/data/label.h)
ENV = "minigrid:KeyCorridorS3R3"
PATIENCE_S = 240  # of a loaded machine; each step takes seconds


class Server:
    def __init__(self, log):
        self.process = subprocess.Popen([sys.executable, os.path.join(ROOT, "deploy", "llm", "serve.py"), "--port=0", "--nice=0"],
                                        stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline().split()
        expect(len(line) == 2, f"the server did not start; see {log.name}")
        self.url, self.model = line

    def kill(self):
        self.process.kill()
        self.process.wait()


class Run:
    """A training that goes on until it has seen enough."""

    def __init__(self, args, folder, name, server, *flags):
        self.dir, self.log = os.path.join(folder, name), os.path.join(folder, name + ".log")
        self.output = open(self.log, "w")
        self.process = subprocess.Popen(
            [args.onic, "train", f"--env.id={ENV}", f"--run-dir={self.dir}", "--frames=1000000000", "--annotator.id=llm",
             f"--llm.url={server.url}", f"--llm.model={server.model}", "--annotator.prompt=short", "--stop.success=0",
             "--llm.backoff_s=0.1", "--metrics.every_s=0.5", "--reward.refresh=1", "--actors.count=1", *flags],
            stdout=self.output, stderr=subprocess.STDOUT)

    def metrics(self):
        last = {}
        try:
            with open(os.path.join(self.dir, "metrics.jsonl")) as f:
                for line in f:
                    if line.endswith("\n"):
                        last.update({k: v for k, v in json.loads(line).items() if v is not None})
        except OSError:
            pass
        return last

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition(self.metrics()):
            expect(self.process.poll() is None, f"training ended with {self.process.poll()}; see {self.log}")
            if time.monotonic() > deadline:
                self.stop()
                expect(False, f"waited in vain for {what}:\n{open(self.log).read()[-1500:]}")
            time.sleep(0.1)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        expect(self.process.wait(60) == 0, f"training ended with {self.process.returncode}:\n{open(self.log).read()[-1500:]}")
        self.output.close()

    def labels(self):
        db = sqlite3.connect(f"file:{self.dir}/labels.sqlite?mode=ro", uri=True)
        rows = db.execute("SELECT state, label, raw, annotator, model, parameters, caption, confidence FROM labels JOIN identities"
                          " ON identity = number WHERE id IS NOT NULL").fetchall()
        bad = [r for r in rows if r[0] != LABEL]
        expect(rows and not bad, f"{len(bad)} of {len(rows)} answers are no labels, for example {bad[:1]}")
        expect(all(r[2] and r[3] == "llm" and "prompt=" in r[5] for r in rows), f"an answer without its raw text or origin: {rows[0]}")
        return rows

    def way(self):
        """What the probe found: (api, structured) of its line in the log."""
        found = re.findall(r'api="?(\w+)"? structured="?(\w+)', open(os.path.join(self.dir, "log", "reward-server.log")).read())
        expect(found, "the probe said nothing")
        return found[-1]


def expect(ok, what):
    if not ok:
        sys.exit(f"FAILED: {what}")


def rule(caption):
    """KeyCorridor's rules (deploy/goals/minigrid/KeyCorridor.yaml)."""
    return bool(re.match(r"You (see|pick up) a? ?(the )?\w+ (key|ball)\.|You see a locked|You (unlock|open) the", caption))


def log_probabilities(args, folder, server):
    run = Run(args, folder, "class", server, "--reward.model=hash", "--llm.answer=auto")
    run.until(lambda m: m.get("annot/labels_total", 0) >= 12 and m.get("intrinsic/share", 0) > 0, "12 labels and a reward for them")
    run.stop()
    rows = run.labels()
    expect(all(" margin " in r[2] and " answer=auto" in r[5] for r in rows), f"not from log-probabilities: {rows[0]}")
    expect(all((float(re.search(r"margin ([-+][0-9.]+)", r[2])[1]) > 0) == (r[1] == 1) for r in rows), "a label that is not of its margin")
    right = sum(rule(r[6].decode()) == (r[1] == 1) for r in rows)
    expect(right > 0.6 * len(rows), f"only {right} of {len(rows)} labels are those of the rules: {[(r[1], r[6]) for r in rows]}")
    api, way = run.way()
    expect((api, way) == ("completions", "none"), f"the probe found {api} and {way}")
    print(f"{len(rows)} labels from log-probabilities, {right} of them as the rules", flush=True)


def pairs(args, folder, server):
    run = Run(args, folder, "pair", server, "--reward.model=ranking", "--llm.answer=logprob")
    run.until(lambda m: m.get("annot/labels_total", 0) >= 6, "6 pairs")
    run.stop()
    rows = run.labels()
    expect(all("exchanged" in r[2] and r[1] in (0, 0.5, 1) for r in rows), f"a pair that was not asked in both orders: {rows[0]}")
    print(f"{len(rows)} pairs, both orders each", flush=True)


def texts(args, folder, server, api):
    run = Run(args, folder, f"text-{api}", server, "--reward.model=hash", "--llm.answer=text", f"--llm.api={api}",
              "--annotator.prompt=default")
    run.until(lambda m: m.get("annot/labels_total", 0) >= 2, "2 labels")
    run.stop()
    rows, (asked, bound) = run.labels(), run.way()
    expect(asked == api and bound in ("grammar", "json_schema", "json_object", "logit_bias"), f"{bound} over {asked} does not bind here")
    print(f"{len(rows)} labels as texts over {api}, bound by {bound}", flush=True)


def death_of_the_server(args, folder, server):
    run = Run(args, folder, "death", server, "--reward.model=hash")
    run.until(lambda m: m.get("annot/labels_total", 0) > 0, "a label")
    server.kill()
    at = run.metrics()["env_steps"]
    run.until(lambda m: m.get("annot/llm_servers_ready") == 0, "the loss of the server in the metrics")
    run.until(lambda m: "language model is not asked for a while" in open(run.log).read(), "the warning on the terminal")
    run.until(lambda m: m["env_steps"] > at + 100000, "further training")
    run.stop()
    print(f"server killed: trained on from {at:,} to {run.metrics()['env_steps']:,} steps", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onic", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "server.log"), "w") as log:
            server = Server(log)
            try:
                log_probabilities(args, folder, server)
                pairs(args, folder, server)
                texts(args, folder, server, "chat")
                texts(args, folder, server, "completions")
                death_of_the_server(args, folder, server)
            finally:
                server.kill()
    print("passed")


if __name__ == "__main__":
    main()
