# SPDX-License-Identifier: MIT
"""Forwards the metrics of a run to an experiment tracker while it trains:

    python -m onic.forward RUN --to=wandb [--project=NAME] [--name=NAME] [--once] [--idle=SECONDS]
    python -m onic.forward RUN --to=mlflow

It only reads the run, and training goes on whatever happens here. Where it sends to, and with which key, is the tracker's own
business (``wandb login``, ``WANDB_MODE=offline``, ``MLFLOW_TRACKING_URI``). The tracker's run is that of the run's id: the same
command after an interruption, or after the run was resumed, goes on behind the last line that was forwarded.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from onic.errors import OnicError, need
from onic.files import open_plain
from onic.run import Run, load

AGAIN_S = 10.0
"""Seconds until a tracker that did not take something is tried again."""


class Tracker(Protocol):
    """Where lines go. ``lines`` is how many of them it has of this run already."""

    lines: int

    def send(self, values: dict[str, float], step: int, when: float, lines: int) -> None:
        """One line; ``lines`` is how many there are with it. May raise anything: it is sent again."""

    def finish(self, code: int | None) -> None:
        """code: exit code of the run; None: it goes on."""


def numbers_of(line: dict[str, Any]) -> dict[str, float]:
    """What of a line is a number that is finite."""
    return {
        key: float(value)
        for key, value in line.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def options_of(run: Run) -> dict[str, Any]:
    """The run's options as "section.option"."""
    return {f"{section}.{option}": value for section, options in run.config.items() for option, value in options.items()}


def run_id_of(run: Run) -> str:
    """32 hexadecimal digits; "" while the run has none yet. It becomes part of a file's name and of a question to MLflow."""
    path = run.path / "run_id"
    if not path.exists():
        return ""
    text = ""
    if path.is_file():
        with open(path, encoding="ascii", errors="replace") as file:
            text = file.read(64).strip()
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise OnicError(f"{path} holds no id of a run (32 hexadecimal digits)")
    return text


# --- trackers -------------------------------------------------------------------------------------------------------------


class Wandb:
    """Weights & Biases: steps are ``env_steps``, which may fall after a roll-back; its own step counts lines.

    Offline it begins a run of its own each time and knows nothing of those before: how many lines they have stands in a file beside
    them, ``wandb/onic-lines-PROJECT-ID``.
    """

    def __init__(self, run: Run, project: str, name: str) -> None:
        wandb = need("wandb", "--to=wandb", "wandb")
        self.run = wandb.init(project=project, id=run_id_of(run), name=name, resume="allow", config=options_of(run))
        self.run.define_metric("*", step_metric="env_steps")
        self.lines = int(self.run.summary.get("onic_lines") or 0)
        self._noted = Path(self.run.dir).parents[1] / f"onic-lines-{project}-{run_id_of(run)}" if getattr(self.run, "offline", False) else None
        if self._noted and self._noted.exists():
            self.lines = int(self._noted.read_text())

    def send(self, values: dict[str, float], step: int, when: float, lines: int) -> None:
        if lines > self.lines:  # else it is the file that could not be written
            self.run.log({**values, "env_steps": step, "onic_lines": lines})
            self.lines = lines
        if self._noted:
            safe = self._noted.with_name(self._noted.name + ".new")
            safe.write_text(f"{lines}\n")
            safe.replace(self._noted)

    def finish(self, code: int | None) -> None:
        self.run.finish(exit_code=code or 0)


class Mlflow:
    """MLflow: a run of the experiment ``project``, found again by its tag ``onic.run_id``."""

    def __init__(self, run: Run, project: str, name: str) -> None:
        tracking = need("mlflow.tracking", "--to=mlflow", "mlflow")
        self.entities = need("mlflow.entities", "--to=mlflow", "mlflow")
        self.client = tracking.MlflowClient()
        experiment = self.client.get_experiment_by_name(project)
        number = experiment.experiment_id if experiment else self.client.create_experiment(project)
        ours = run_id_of(run)
        found = self.client.search_runs([number], filter_string=f"tags.`onic.run_id` = '{ours}'", max_results=1)
        if found:
            self.id = found[0].info.run_id
            self.lines = int(found[0].data.tags.get("onic.lines", 0))
            self.client.update_run(self.id, status="RUNNING")
            return
        self.lines = 0
        self.id = self.client.create_run(number, run_name=name, tags={"onic.run_id": ours}).info.run_id
        options = [self.entities.Param(key, str(value)[:500]) for key, value in options_of(run).items()]
        for first in range(0, len(options), 100):  # so many at once are taken
            self.client.log_batch(self.id, params=options[first : first + 100])

    def send(self, values: dict[str, float], step: int, when: float, lines: int) -> None:
        stamp = int(when * 1000)
        names = {key: re.sub(r"[^A-Za-z0-9_\-. :/]", "_", key) for key in values}
        metrics = [self.entities.Metric(names[key], value, stamp, step) for key, value in values.items()]
        self.client.log_batch(self.id, metrics=metrics, tags=[self.entities.RunTag("onic.lines", str(lines))])

    def finish(self, code: int | None) -> None:
        if code is not None:
            self.client.set_terminated(self.id, status="FAILED" if code else "FINISHED")


TRACKERS: dict[str, Callable[[Run, str, str], Tracker]] = {"wandb": Wandb, "mlflow": Mlflow}

# --- the file -------------------------------------------------------------------------------------------------------------


def follow(path: Path, *, once: bool, idle: float, poll: float = 1.0) -> Iterator[dict[str, Any]]:
    """The objects of a file of lines that grows: to its end (``once``), to a life's last line, or until ``idle`` seconds passed
    without a new one (0: for ever). A line that has no end yet is waited for."""
    rest, at, since = b"", 0, time.monotonic()
    while True:
        new = b""
        if path.exists():
            if path.stat().st_size < at:
                raise OnicError(f"{path} was begun anew while it was forwarded; forward the new run with the same command")
            with open_plain(path, "rb") as file:
                file.seek(at)
                new = file.read()
        at += len(new)
        *whole, rest = (rest + new).split(b"\n")
        last: dict[str, Any] = {}
        for text in whole:
            try:
                last = json.loads(text)
            except ValueError:
                last = {}
            yield last if isinstance(last, dict) else {}
        ended = isinstance(last, dict) and last.get("event") == "end"
        if once or (ended and not rest):
            return
        since = time.monotonic() if new else since
        if idle and time.monotonic() - since > idle:
            print(f"no new line in {path} for {idle:.0f} s: the run does not go on (--idle=0 waits for ever)", file=sys.stderr)
            return
        time.sleep(poll)


def forward(run: Run, tracker: Tracker, *, once: bool, idle: float, again: float = AGAIN_S, poll: float = 1.0) -> int:
    """Sends what the tracker has not got yet; returns how many lines. What it does not take is tried again until it does."""
    sent, lines, step, code, ended = 0, 0, 0, None, False
    for line in follow(run.path / "metrics.jsonl", once=once, idle=idle, poll=poll):
        lines += 1
        values = numbers_of(line)
        step = int(values.pop("env_steps", step))
        ended = line.get("event") == "end"
        code = int(values.pop("exit", 0)) if ended else None
        if lines <= tracker.lines or not values:
            continue
        _send(tracker, values, step, values.pop("time", time.time()), lines, again)
        sent += 1
    tracker.finish(code if ended else None)
    return sent


def _send(tracker: Tracker, values: dict[str, float], step: int, when: float, lines: int, again: float) -> None:
    said = False
    while True:
        try:
            return tracker.send(values, step, when, lines)
        except Exception as error:  # whatever a tracker raises: a server that is away must not end this
            if not said:
                print(f"the tracker does not take line {lines} ({str(error)[:200]}); trying again", file=sys.stderr)
            said = True
            time.sleep(again)


def wait_for_id(run: Run, idle: float) -> None:
    """A run that has just begun has no id yet."""
    end = time.monotonic() + (idle or math.inf)
    while not run_id_of(run):
        if time.monotonic() > end:
            raise OnicError(f"{run.path} has no run_id: nothing was trained in it yet")
        time.sleep(0.5)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code (deploy/interface.md section 3)."""
    parser = argparse.ArgumentParser(prog="python -m onic.forward", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--to", required=True, choices=sorted(TRACKERS), help="the tracker")
    parser.add_argument("--project", default="onic", help="the tracker's project or experiment (onic)")
    parser.add_argument("--name", help="the run's name there (the name of the run directory)")
    parser.add_argument("--once", action="store_true", help="forwards what is there and ends")
    parser.add_argument("--idle", type=float, default=300, help="ends after so many seconds without a new line; 0 = never (300)")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:
        return 64 if end.code else 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run = load(options.run)
        wait_for_id(run, options.idle)
        tracker = TRACKERS[options.to](run, options.project, options.name or run.path.resolve().name)
        sent = forward(run, tracker, once=options.once, idle=options.idle)
    except KeyboardInterrupt:
        return 0  # the next start goes on behind the last line that was taken
    except (OnicError, ImportError) as error:
        print(f"onic.forward: {error}", file=sys.stderr)
        return 64
    print(f"forwarded {sent} lines of {run.path} to {options.to}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
