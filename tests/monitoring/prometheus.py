#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real Prometheus scrapes a real run: names and format, the alert rules, and every query of the Grafana dashboard.

    tests/monitoring/prometheus.py        # ctest: monitoring/prometheus; needs $ONIC_BUILD, prometheus and promtool (Debian: prometheus)

A reward server, a learner and an actor are started on this machine and served on free ports of 127.0.0.1. Exits 77 with a reason where
Prometheus is missing.
"""
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("ONIC_BUILD", os.path.join(ROOT, "build"))
MONITORING = os.path.join(ROOT, "deploy", "monitoring")
WAIT_S = 90
OPTIONS = ["--env.id=minigrid:KeyCorridorS3R3", "--annotator.id=rules", "--env.count=8", "--train.batch=1024", "--frames=1000000000"]
# What only some runs have: an annotator llm, one with a fallback, a model that learns. Their queries must be understood, and may be empty.
MAY_BE_EMPTY = ("onic_annotator_llm_", "onic_episode_stat", "onic_reward_model_loss", "onic_reward_model_heldout", "onic_trajectories_lost",
                "onic_annotation_staleness_seconds", "onic_annotator_latency", "onic_annotation_positive_ratio", "onic_annotation_tie_ratio",
                "onic_annotation_labels_by_source")


class Failed(Exception):
    pass


def check(condition, sentence):
    if not condition:
        raise Failed(sentence)


def get(url, timeout=10):
    """(status, text); errors of HTTP are answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def wait(what, condition):
    """Until it is true; the value. What it raises means: not yet."""
    end, last = time.monotonic() + WAIT_S, None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except (OSError, ValueError, LookupError) as e:
            last = e
        time.sleep(0.1)
    raise Failed(f"never: {what} ({last})")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def promtool(*args, text=None, cwd=None):
    r = subprocess.run(["promtool", *args], input=text, capture_output=True, text=True, cwd=cwd)
    check(r.returncode == 0, f"promtool {' '.join(args)}: {r.stdout}{r.stderr}")
    return r.stdout


class Scene:
    """Programs in a folder of their own; all are ended, by the pids that were started."""

    def __init__(self, folder):
        self.folder, self.programs = folder, {}

    def start(self, name, argv):
        log = open(os.path.join(self.folder, name + ".err"), "w")
        self.programs[name] = subprocess.Popen(argv, cwd=self.folder, stdout=log, stderr=log, env={
            **{k: v for k, v in os.environ.items() if not k.startswith("ONIC_") or k == "ONIC_CACHE"}})

    def end(self, name):
        p = self.programs.pop(name)
        p.kill()
        p.wait()

    def close(self):
        for name in list(self.programs):
            self.end(name)

    def words(self):
        out = ""
        for name in os.listdir(self.folder):
            if name.endswith(".err"):
                with open(os.path.join(self.folder, name)) as f:
                    out += f"--- {name}\n" + "".join(f.readlines()[-8:])
        return out


def start_run(scene, learner, server):
    def onic(program, *args):
        return [os.path.join(BUILD, program), *args]
    scene.start("reward-server", onic("onic-reward-server", *OPTIONS[:2], "--run-dir=run", "--listen=ipc://r.sock",
                                      f"--dashboard.listen={server}"))
    scene.start("learner", onic("onic-learner", *OPTIONS, "--run-dir=run", "--listen=ipc://l.sock", "--reward.server=ipc://r.sock",
                                f"--dashboard.listen={learner}"))
    scene.start("actor", onic("onic-actor", "--learner=ipc://l.sock"))


def values(text, name):
    """Values of the samples of a family."""
    return [float(v) for v in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)]


def check_metrics(learner, server):
    """promtool is silent, every number has a name of its own, and a scrape is quick."""
    wait("steps are counted", lambda: values(get(f"http://{learner}/metrics")[1], "onic_env_steps_total")[0] > 0)
    wait("labels are counted", lambda: values(get(f"http://{server}/metrics")[1], "onic_reward_server_labels_total")[0] >= 0)
    for address in (learner, server):
        status, text = get(f"http://{address}/metrics")
        check(status == 200, f"{address}: {status}")
        said = promtool("check", "metrics", text=text)
        check(not said.strip(), f"promtool check metrics of {address}: {said}")
        check(not values(text, "onic_number"), "a number has no line in common/metrics/prometheus.def: " +
              ", ".join(re.findall(r"^onic_number\S*", text, re.M)))
        check(values(text, "onic_series_left_out") == [0.0], "series were left out")
        times = []
        for _ in range(40):
            begin = time.perf_counter()
            get(f"http://{address}/metrics")
            times.append(time.perf_counter() - begin)
        print(f"scrape of {address}: {len(text)} bytes, median {1e3 * statistics.median(times):.2f} ms of 40")


def check_health(learner, server):
    for address in (learner, server):
        check(get(f"http://{address}/healthz") == (200, "ok\n"), f"/healthz of {address}")
        wait(f"/readyz of {address}", lambda a=address: get(f"http://{a}/readyz") == (200, "ready\n"))


def healthcheck(folder, *args):
    r = subprocess.run([os.path.join(BUILD, "onic"), "healthcheck", *args], cwd=folder, capture_output=True, text=True)
    check(len((r.stdout + r.stderr).strip().splitlines()) == 1, f"healthcheck {args}: not one sentence: {r.stdout}{r.stderr}")
    return r.returncode


class Prometheus:
    def __init__(self, scene, learner, server):
        self.address = f"127.0.0.1:{free_port()}"
        with open(os.path.join(MONITORING, "prometheus.yml")) as f:
            config = f.read()
        for old, new in (("127.0.0.1:9400", learner), ("127.0.0.1:9401", server), ("15s", "1s"),
                         ("- alerts.yaml", f"- {MONITORING}/alerts.yaml")):
            check(old in config, f"prometheus.yml: no {old}")
            config = config.replace(old, new)
        with open(os.path.join(scene.folder, "prometheus.yml"), "w") as f:
            f.write(config)
        promtool("check", "config", os.path.join(scene.folder, "prometheus.yml"))
        scene.start("prometheus", ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                                   f"--web.listen-address={self.address}"])

    def api(self, path, **query):
        status, text = get(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}")
        answer = json.loads(text)
        if answer.get("status") != "success":
            raise Failed(f"{path} {query}: {answer.get('error', status)}")
        return answer["data"]

    def query(self, expr):
        return self.api("query", query=expr)["result"]


def check_scraped(prom):
    wait("both are up", lambda: sorted(r["value"][1] for r in prom.query('up{job=~"onic-.*"}')) == ["1", "1"])
    wait("steps per second", lambda: [r for r in prom.query("rate(onic_env_steps_total[10s])") if float(r["value"][1]) > 0])
    for r in prom.query('scrape_duration_seconds{job=~"onic-.*"}'):
        print(f"Prometheus: scrape of {r['metric']['job']} took {1e3 * float(r['value'][1]):.2f} ms")


def dashboard_queries():
    with open(os.path.join(MONITORING, "grafana.json")) as f:
        dashboard = json.load(f)
    ids = [p["id"] for p in dashboard["panels"]]
    check(len(ids) == len(set(ids)), "two panels of one id")
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$instance", ".*").replace("$__rate_interval", "10s")


def check_dashboard(prom):
    with open(os.path.join(MONITORING, "metrics.md")) as f:
        known = set(re.findall(r"^\| `([a-z0-9_]+)", f.read(), re.M)) | {"onic_run_info", "onic_build_info"}
    queries = list(dashboard_queries())
    check(len(queries) > 40, "the dashboard has lost its queries")
    for title, expr in queries:
        for name in re.findall(r"\bonic_[a-z0-9_]+", re.sub(r'"[^"]*"', "", expr)):
            check(name in known, f"{title}: no metric is called {name}")
        if any(name in expr for name in MAY_BE_EMPTY):
            prom.query(expr)
        else:  # a rate is of two scrapes
            wait(f"{title}: something of {expr}", lambda e=expr: prom.query(e))
    check(prom.api("label/instance/values", **{"match[]": "onic_run_info"}), "the dashboard's list of learners is empty")
    print(f"{len(queries)} queries of the dashboard")


def check_alerts(prom, scene):
    groups = prom.api("rules")["groups"]
    rules = [r for g in groups for r in g["rules"]]
    check(len(rules) >= 16 and all(r["health"] in ("ok", "unknown") for r in rules), "a rule is not well")
    wait("every rule was evaluated", lambda: all(r["health"] == "ok" for g in prom.api("rules")["groups"] for r in g["rules"]))
    firing = [a["labels"]["alertname"] for a in prom.api("alerts")["alerts"] if a["state"] == "firing"]
    check(not firing, f"a run that is well has alerts: {firing}")
    scene.end("learner")
    wait("the dead learner is noticed", lambda: [a for a in prom.api("alerts")["alerts"] if a["labels"]["alertname"] == "OnicLearnerDown"])


def run(scene):
    learner, server = (f"127.0.0.1:{free_port()}" for _ in range(2))
    start_run(scene, learner, server)
    check_metrics(learner, server)
    check_health(learner, server)
    for target in (learner, server, "run"):
        check(healthcheck(scene.folder, target) == 0, f"healthcheck {target}")
    check(healthcheck(scene.folder, server, "--ready") == 0, "healthcheck --ready")
    prom = Prometheus(scene, learner, server)
    check_scraped(prom)
    check_dashboard(prom)
    check_alerts(prom, scene)
    for target in (learner, "run"):
        check(healthcheck(scene.folder, target) == 1, f"healthcheck {target} of a learner that was killed")


def main():
    for program in ("prometheus", "promtool"):
        if not shutil.which(program):
            print(f"skipped: {program} is not installed (Debian: apt-get install prometheus)")
            return 77
    promtool("check", "rules", os.path.join(MONITORING, "alerts.yaml"))
    promtool("test", "rules", "alerts.test.yaml", cwd=MONITORING)
    with tempfile.TemporaryDirectory(prefix="onic-") as folder:
        scene = Scene(folder)
        try:
            run(scene)
        except Failed as e:
            print(f"failed: {e}\n{scene.words()}")
            return 1
        finally:
            scene.close()
    print("all of it passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
