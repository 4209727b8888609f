# SPDX-License-Identifier: MIT
"""The files of a run as columns: metrics, labels, kept episodes and their steps. NumPy and the standard library alone.

A table is a dictionary from a column's name to a list, all of one length. What is read may be written at the same time: a last
line without its end is left out, and whole lines that cannot be read are left out with a warning that counts them.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
import warnings
from pathlib import Path
from typing import Any, Iterator, Sequence
from urllib.parse import quote

import numpy as np

from onic.errors import OnicError
from onic.files import check_plain, read_plain_text

Table = dict[str, list]

LABEL_COLUMNS = (
    "id", "kind", "caption", "caption_b", "label", "confidence", "state", "annotator", "origin", "model", "goal",
    "prompt_version", "parameters", "vote", "raw", "asked_at", "answered_at",
)  # fmt: skip
EPISODE_COLUMNS = (
    "file", "env", "seed", "steps", "end", "success", "return", "paid_ext", "paid_int", "env_steps", "actor", "environment",
    "episode", "weights_first", "weights_last", "reward_model", "shaping", "coef_ext", "coef_int", "annotator", "goal",
    "prompt_version", "options",
)  # fmt: skip
STEP_COLUMNS = ("file", "t", "action", "reward", "ext", "int", "caption", "n", "score", "labelled")


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of lines. A last line that has no end yet is not there yet."""
    text = read_plain_text(path)
    bad = 0
    for line in text[: text.rfind("\n") + 1].split("\n"):
        if not line.strip("\0 "):
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield value
        else:
            bad += 1
    if bad:
        warnings.warn(f"{path}: {bad} lines are no JSON objects and were left out", stacklevel=2)


def columns_of(rows: Sequence[dict[str, Any]], names: Sequence[str] = ()) -> Table:
    """Rows as columns, in the order in which names first appear; None where a row has no value."""
    order = dict.fromkeys(names)
    for row in rows:
        order.update(dict.fromkeys(row))
    return {name: [row.get(name) for row in rows] for name in order}


def read_metrics(run: Path) -> Table:
    """``metrics.jsonl``, a row per line (deploy/interface.md section 6)."""
    return columns_of(list(read_json_lines(run / "metrics.jsonl")), ("time", "wall_s", "env_steps"))


# --- labels ---------------------------------------------------------------------------------------------------------------


def _fetch(uri: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        return connection.execute(
            "SELECT l.id, l.caption, l.state, l.label, l.confidence, l.raw, l.asked_at, l.answered_at, i.annotator, i.model,"
            " i.goal, i.goal_version, i.parameters, i.vote FROM labels l JOIN identities i ON i.number = l.identity"
            " WHERE l.state >= 2 ORDER BY l.id"
        ).fetchall()


def _label_rows(store: Path) -> list[tuple]:
    """Rows of a store that a server may be writing, that may be another user's, in a folder where nothing can be written.

    Nothing is left behind beside it: without a write-ahead file the store is read as it lies, with one that cannot be shared
    a copy of both is read.
    """
    log = Path(f"{store}-wal")
    for file in (store, log, Path(f"{store}-shm")):
        check_plain(file)
    name = quote(str(store.resolve()))
    if not log.exists() or log.stat().st_size == 0:
        return _fetch(f"file:{name}?immutable=1")
    try:
        return _fetch(f"file:{name}?mode=ro")
    except sqlite3.OperationalError:
        with tempfile.TemporaryDirectory(prefix="onic-labels-") as folder:
            copy = Path(folder, "labels.sqlite")
            shutil.copyfile(store, copy)
            shutil.copyfile(log, f"{copy}-wal")
            return _fetch(f"file:{quote(str(copy))}")


def _text_of(value: Any) -> str:
    """Bytes of a game are Latin-1."""
    return value.decode("latin-1") if isinstance(value, bytes) else "" if value is None else str(value)


def _question(question: bytes) -> tuple[str, str, str | None]:
    """Kind, caption and second caption of a question (common/data/question.h)."""
    first, nul, second = question.partition(b"\0")
    if not nul:
        return "class", _text_of(first), None
    return ("score", _text_of(second), None) if not first else ("pair", _text_of(first), _text_of(second))


def _origin(annotator: str, raw: str) -> str:
    """Who answered: of a declared order ("llm>rules") the one whose name begins the raw answer."""
    name = raw.partition(":")[0]
    return name if ">" in annotator and name in annotator.split(">") else annotator


def read_labels(store: Path) -> Table:
    """Answered labels and abstentions (``label`` None) of a label store, in the order of their ids."""
    try:
        rows = _label_rows(store)
    except (sqlite3.Error, OSError) as error:
        raise OnicError(f"{store} cannot be read as a label store ({error}); `onic labels verify` says what is wrong with it") from error
    table: Table = {name: [] for name in LABEL_COLUMNS}
    for number, question, state, label, confidence, raw, asked, answered, annotator, model, goal, version, parameters, vote in rows:
        kind, caption, caption_b = _question(question if isinstance(question, bytes) else str(question).encode())
        annotator, raw = _text_of(annotator), _text_of(raw)
        values = (
            number, kind, caption, caption_b, label if state == 2 else None, confidence, "answered" if state == 2 else "abstained",
            annotator, _origin(annotator, raw), _text_of(model), _text_of(goal), _text_of(version), _text_of(parameters), vote, raw,
            asked, answered,
        )  # fmt: skip
        for name, value in zip(LABEL_COLUMNS, values):
            table[name].append(value)
    return table


# --- kept episodes --------------------------------------------------------------------------------------------------------


def kept_files(run: Path) -> list[Path]:
    """Kept episodes, oldest first. Crashed games (``crash-*.replay``) hold actions only and are not among them."""
    return sorted((run / "replays").glob("*.jsonl"))


def read_episode(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Head and steps of a kept episode; OnicError where the file is none."""
    lines = list(read_json_lines(path))
    if not lines or lines[0].get("onic_replay") != 1:
        raise OnicError(f"{path} is not an episode that onic kept: its first line has no \"onic_replay\":1")
    return lines[0], lines[1:]


Kept = tuple[Path, dict[str, Any], list[dict[str, Any]]]


def read_kept(run: Path) -> Iterator[Kept]:
    """File, head and steps of each kept episode that is still there when it is its turn: a run that trains removes its oldest."""
    for path in kept_files(run):
        try:
            head, steps = read_episode(path)
        except OnicError:
            if path.exists():
                raise
            continue
        yield path, head, steps


def episodes_of(kept: Sequence[Kept]) -> Table:
    """A row per kept episode."""
    rows = []
    for path, head, _ in kept:
        row = {name: head.get(name) for name in EPISODE_COLUMNS}
        first, last = (head.get("weights_versions") or [None, None])[:2]
        row.update(file=path.name, weights_first=first, weights_last=last, options=json.dumps(head.get("options") or {}))
        rows.append(row)
    return columns_of(rows, EPISODE_COLUMNS)


def steps_of(kept: Sequence[Kept]) -> Table:
    """A row per step of every kept episode, by file and ``t``."""
    rows = []
    for path, _, steps in kept:
        for step in steps:
            rows.append({"caption": "", "n": 0, **step, "file": path.name})
    return columns_of(rows, STEP_COLUMNS)


# --- as arrays ------------------------------------------------------------------------------------------------------------


def array_of(name: str, values: list) -> np.ndarray:
    """A column as an array that needs no pickle: numbers (None: NaN), text (None: ""), or rows of numbers."""
    if any(isinstance(value, list) for value in values):
        array = np.array(values, dtype=np.float64) if len({np.shape(value) for value in values}) == 1 else None
        if array is None:
            raise OnicError(f"the column {name} has rows of different lengths and cannot be an array; use to_parquet")
        return array
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    if values and all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=bool)
    if values and all(isinstance(value, int) and -(2**63) <= value < 2**63 for value in values):
        return np.array(values, dtype=np.int64)
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
