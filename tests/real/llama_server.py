#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Labels of a real OpenAI-compatible server, all the way into the policy.

The model is random, so its labels are noise: what is tested is that a constraint binds, that every answer is a valid label
with its raw text and prompt version, that the policy is paid for them, and that training outlives the server.
"""
import argparse
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

import gguf
import numpy as np

WIDTH, HIDDEN, LAYERS, HEADS, CONTEXT = 64, 128, 2, 4, 8192
LABEL = 2  # labels.state of an answer that is a label (reward_server/store/label_store.h)
FRAMES = 400000
ENV = "minigrid:DoorKey-8x8"


def tokens():
    """Pieces and kinds: three controls, one piece per printable character, a byte token for every other byte."""
    pieces = [("<unk>", gguf.TokenType.UNKNOWN), ("<s>", gguf.TokenType.CONTROL), ("</s>", gguf.TokenType.CONTROL)]
    pieces += [(f"<0x{b:02X}>", gguf.TokenType.BYTE) for b in range(256) if not 32 <= b < 127]
    pieces += [("\u2581" if c == 32 else chr(c), gguf.TokenType.NORMAL) for c in range(32, 127)]
    return pieces


def write_model(path):
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(CONTEXT)
    w.add_embedding_length(WIDTH)
    w.add_block_count(LAYERS)
    w.add_feed_forward_length(HIDDEN)
    w.add_head_count(HEADS)
    w.add_head_count_kv(HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(WIDTH // HEADS)
    w.add_pooling_type(gguf.PoolingType.MEAN)
    pieces = tokens()
    w.add_vocab_size(len(pieces))
    w.add_tokenizer_model("llama")
    w.add_token_list([text.encode() for text, _ in pieces])
    w.add_token_scores([0.0] * len(pieces))
    w.add_token_types([int(kind) for _, kind in pieces])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_add_space_prefix(False)
    rng = np.random.default_rng(7)

    def add(name, *shape):
        norm = name.endswith("norm.weight")
        w.add_tensor(name, np.ones(shape, np.float32) if norm else rng.normal(0, 0.5, shape).astype(np.float32))

    add("token_embd.weight", len(pieces), WIDTH)
    add("output_norm.weight", WIDTH)
    add("output.weight", len(pieces), WIDTH)
    for i in range(LAYERS):
        add(f"blk.{i}.attn_norm.weight", WIDTH)
        for part in ("q", "k", "v", "output"):
            add(f"blk.{i}.attn_{part}.weight", WIDTH, WIDTH)
        add(f"blk.{i}.ffn_norm.weight", WIDTH)
        add(f"blk.{i}.ffn_gate.weight", HIDDEN, WIDTH)
        add(f"blk.{i}.ffn_up.weight", HIDDEN, WIDTH)
        add(f"blk.{i}.ffn_down.weight", WIDTH, HIDDEN)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


class Server:
    def __init__(self, model, log):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        command = [sys.executable, "-m", "llama_cpp.server", "--model", model, "--model_alias", "tiny", "--host", "127.0.0.1",
                   "--port", str(self.port), "--n_ctx", str(CONTEXT), "--n_threads", "1", "--n_threads_batch", "1",
                   "--verbose", "false", "--interrupt_requests", "false"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url + "/models", timeout=1).read()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"the server did not start; see {log.name}")
                time.sleep(0.1)

    def kill(self):
        self.process.kill()
        self.process.wait()


def command(args, run_dir, url, *flags):
    return [args.onic, "train", f"--env.id={ENV}", f"--run-dir={run_dir}", f"--frames={FRAMES}", "--annotator.id=llm",
            f"--llm.url={url}", "--llm.model=tiny", "--llm.backoff_s=0.1", "--stop.success=0", "--metrics.every_s=1", *flags]


def last_metrics(run_dir):
    last = {}
    with open(os.path.join(run_dir, "metrics.jsonl")) as f:
        for line in f:
            if line.endswith("\n"):
                last.update({k: v for k, v in json.loads(line).items() if v is not None})
    return last


def labels(run_dir):
    db = sqlite3.connect(f"file:{run_dir}/labels.sqlite?mode=ro", uri=True)
    return db.execute("SELECT state, label, raw, annotator, model, parameters FROM labels JOIN identities"
                      " ON identity = number").fetchall()


def expect(ok, what):
    if not ok:
        sys.exit(f"FAILED: {what}")


def check(run_dir, allowed):
    rows, m = labels(run_dir), last_metrics(run_dir)
    bad = [r for r in rows if r[0] != LABEL]
    expect(rows, "no answer was stored")
    expect(not bad, f"{len(bad)} of {len(rows)} answers are no labels, for example {bad[:1]}")
    expect(all(r[1] in allowed for r in rows), f"labels outside {allowed}: {sorted({r[1] for r in rows})}")
    expect(all(r[2] and r[3] == "llm" and r[4] == "tiny" for r in rows), "an answer without its raw text or origin")
    expect(all("prompt=" in r[5] for r in rows), f"the identity does not name the prompt: {rows[0][5]}")
    expect(m["annot/labels_total"] > 0 and m.get("annot/llm_asked_again", 0) == 0, "no label reached the learner, or some were asked twice")
    return len(rows), sorted({r[1] for r in rows}), m


def dialect(run_dir):
    """What the start-up probe found to bind: (api, structured) of its log line."""
    logs = [os.path.join(run_dir, "log", f) for f in os.listdir(os.path.join(run_dir, "log")) if f.startswith("reward")]
    found = re.findall(r'api="?(\w+)"? structured="?(\w+)', "".join(open(f).read() for f in logs))
    expect(found, f"the probe said nothing in {logs}")
    return found[-1]


def whole_path(args, url, folder, model, api, allowed):
    run_dir = os.path.join(folder, f"{model}-{api}")
    out = subprocess.run(command(args, run_dir, url, f"--reward.model={model}", f"--llm.api={api}", "--reward.refresh=1"),
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    expect(out.returncode == 0, f"training ended with {out.returncode}: {out.stdout[-600:]}")
    count, values, m = check(run_dir, allowed)
    paid = any(json.loads(line).get("intrinsic/share") for line in open(os.path.join(run_dir, "metrics.jsonl")))
    expect(paid, "the policy was never paid for a label")
    asked, bound = dialect(run_dir)
    expect(asked == api and bound in ("grammar", "json_object", "logit_bias"), f"{bound} over {asked} does not bind at this server")
    print(f"{model} over {api} with {bound}: {count} answers, all of them labels, {values}; {m['annot/llm_requests']:.0f} requests", flush=True)


def death_of_the_server(args, server, folder):
    run_dir = os.path.join(folder, "death")
    log = os.path.join(folder, "death.log")
    with open(log, "w") as f:
        run = subprocess.Popen(command(args, run_dir, server.url, "--reward.model=ranking", f"--frames={10 * FRAMES}"),
                               stdout=f, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: last_metrics(run_dir).get("annot/labels_total", 0) > 0, "a label")
            server.kill()
            at = last_metrics(run_dir)["env_steps"]
            wait_for(lambda: last_metrics(run_dir).get("annot/llm_servers_ready") == 0, "the loss of the server in the metrics")
            wait_for(lambda: "language model is not asked for a while" in open(log).read(), "the warning on the terminal")
            wait_for(lambda: f"waiting: labels: {server.url}: " in open(log).read(), "the terminal's line")
            wait_for(lambda: run.poll() is not None or last_metrics(run_dir)["env_steps"] > at + FRAMES, "further training")
            run.terminate()
            expect(run.wait(60) == 0, f"training ended with {run.returncode}; see {log}")
        finally:
            if run.poll() is None:
                run.kill()
    print(f"server killed: trained on from {at:,} to {last_metrics(run_dir)['env_steps']:,} steps", flush=True)


def wait_for(condition, what):
    deadline = time.monotonic() + 120
    while True:
        try:
            if condition():
                return
        except (OSError, KeyError):
            pass
        expect(time.monotonic() < deadline, f"waited in vain for {what}")
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onic", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "tiny.gguf")
        write_model(model)
        with open(os.path.join(folder, "server.log"), "w") as log:
            server = Server(model, log)
            try:
                whole_path(args, server.url, folder, "hash", "chat", (0.0, 1.0))
                whole_path(args, server.url, folder, "hash", "completions", (0.0, 1.0))
                whole_path(args, server.url, folder, "ranking", "chat", (0.0, 0.5, 1.0))
                death_of_the_server(args, server, folder)
            finally:
                server.kill()
    print("passed")


if __name__ == "__main__":
    main()
