# SPDX-License-Identifier: MIT
"""A run directory in Python: ``onic.load(RUN)``."""

from __future__ import annotations

import re
import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onic import tables
from onic.errors import OnicError, need
from onic.files import open_plain, read_plain_text
from onic.xxh3 import xxh3_128

if TYPE_CHECKING:
    import pandas

    from onic.policy import Policy

TABLES = ("metrics", "labels", "episodes", "steps")


def load(run: str | PathLike[str], *, labels: str | PathLike[str] | None = None) -> Run:
    """Opens a run directory, which may be training at this moment and may be another user's. Nothing in it is written.

    labels: the label store, where it is not ``labels.sqlite`` of the run (``labels.path``).
    Raises OnicError where ``run`` is no run directory or cannot be read.
    """
    return Run(run, labels=labels)


def read_config(text: str) -> dict[str, dict[str, Any]]:
    """The resolved ``config.yaml`` that onic writes (sections, one option a line, scalars), as {section: {option: value}}."""
    config: dict[str, dict[str, Any]] = {}
    section: dict[str, Any] = {}
    for line in text.splitlines():
        head = re.fullmatch(r"([a-z_0-9]+):\s*", line)
        option = re.match(r"  ([a-z_0-9]+): *('(?:[^']|'')*'|[^#]*)", line)
        if head:
            section = config.setdefault(head[1], {})
        elif option:
            section[option[1]] = _scalar(option[2].strip())
    return config


def config_fault(run: Path, data: bytes) -> str | None:
    """What is wrong with a ``config.yaml``: it was cut or edited, or is another run's. Before runs had an id, files said neither."""
    if not (run / "run_id").exists():
        return None
    seal = re.search(rb"(?:^|\n)# checksum of the lines above: ([0-9a-f]{32})\n\Z", data)
    body = data[: seal.start(1) - len("# checksum of the lines above: ")] if seal else b""
    if not seal or len(body) <= 240 or xxh3_128(body) != seal[1].decode():
        return "was cut, damaged or edited since onic wrote it"
    owners = re.findall(rb"(?m)^# of run: ([0-9a-f]{32})$", body)
    here = read_plain_text(run / "run_id").strip()
    if owners and owners[-1].decode() != here:
        return f"is of another run ({owners[-1][:8].decode()}, and this is run {here[:8]})"
    return None


def _scalar(word: str) -> Any:
    if word.startswith("'"):
        return word[1:-1].replace("''", "'")
    if word in ("true", "false"):
        return word == "true"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


class Run:
    """What a run directory holds, read when it is first asked for and kept; ``refresh`` forgets it, to read a live run again.

    metrics   a row per line of ``metrics.jsonl``: ``env_steps``, ``reward/reward``, ...
    labels    a row per label: caption, label, confidence, who answered, ...
    episodes  a row per kept episode (``replays/*.jsonl``): seed, steps, return, what was paid
    steps     a row per step of the kept episodes: action, reward, pay by source, caption, score

    These four are pandas frames (ImportError without pandas); ``table(NAME)`` gives columns as lists without it.
    """

    def __init__(self, run: str | PathLike[str], *, labels: str | PathLike[str] | None = None) -> None:
        self.path = Path(run)
        self._labels = None if labels is None else Path(labels)
        self._tables: dict[str, tables.Table] = {}
        self._frames: dict[str, Any] = {}
        if not self.path.is_dir():
            what = "is no directory" if self.path.exists() else "does not exist"
            raise OnicError(f"{self.path} {what}; a run directory of `onic train` is wanted, such as runs/keycorridor-s1")
        if not (self.path / "config.yaml").exists() and not (self.path / "metrics.jsonl").exists():
            raise OnicError(f"{self.path} is no run directory: it has neither config.yaml nor metrics.jsonl")

    def __repr__(self) -> str:
        return f"onic.load({str(self.path)!r})"

    def refresh(self) -> Run:
        """Forgets what was read; returns self."""
        self._tables.clear()
        self._frames.clear()
        return self

    # --- tables ---

    def table(self, name: str) -> tables.Table:
        """Columns of "metrics", "labels", "episodes" or "steps" as lists, without pandas."""
        if name not in TABLES:
            raise OnicError(f"a run has the tables {', '.join(TABLES)}, not {name!r}")
        if name not in self._tables:
            self._tables[name] = getattr(self, f"_read_{name}")()
        return self._tables[name]

    def _read_metrics(self) -> tables.Table:
        if not (self.path / "metrics.jsonl").exists():
            return tables.columns_of([], ("time", "wall_s", "env_steps"))
        return tables.read_metrics(self.path)

    def _read_labels(self) -> tables.Table:
        store = self._labels
        if store is None:
            elsewhere = self.config.get("labels", {}).get("path")
            if elsewhere:
                raise OnicError(
                    f"the labels of {self.path} are in another place (labels.path is {elsewhere!r}), and no path is taken from a"
                    " file: name it, onic.load(RUN, labels=PATH)"
                )
            store = self.path / "labels.sqlite"
            if not store.exists():  # a run without language
                return tables.columns_of([], tables.LABEL_COLUMNS)
        return tables.read_labels(store)

    def _read_kept(self, name: str) -> tables.Table:
        """Episodes and their steps are read at once: while a run trains, there are others a moment later."""
        kept = list(tables.read_kept(self.path))
        self._tables["episodes"], self._tables["steps"] = tables.episodes_of(kept), tables.steps_of(kept)
        return self._tables[name]

    def _read_episodes(self) -> tables.Table:
        return self._read_kept("episodes")

    def _read_steps(self) -> tables.Table:
        return self._read_kept("steps")

    def _frame(self, name: str) -> pandas.DataFrame:
        pandas = need("pandas", f"onic.load(RUN).{name}", "frames")
        if name not in self._frames:
            columns = self.table(name).items()
            # a column without any value counts as one of numbers
            self._frames[name] = pandas.DataFrame({c: v if any(x is not None for x in v) else np.full(len(v), np.nan) for c, v in columns})
        return self._frames[name]

    @property
    def metrics(self) -> pandas.DataFrame:
        """``metrics.jsonl``, a row per line. After a roll-back ``env_steps`` falls; lines of earlier lives come first."""
        return self._frame("metrics")

    @property
    def labels(self) -> pandas.DataFrame:
        """Labels and abstentions (``label`` is NaN, ``state`` "abstained"); empty for a run without language."""
        return self._frame("labels")

    @property
    def episodes(self) -> pandas.DataFrame:
        """Kept episodes (every ``replay.every_episodes``-th), oldest first."""
        return self._frame("episodes")

    @property
    def steps(self) -> pandas.DataFrame:
        """Steps of the kept episodes; ``file`` is that of ``episodes``."""
        return self._frame("steps")

    # --- the rest ---

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """Every option as the run has it: ``run.config["env"]["id"]``. Warns where the file is not as onic wrote it for this run."""
        path = self.path / "config.yaml"
        if not path.exists():
            return {}
        with open_plain(path, "rb") as file:
            data = file.read()
        fault = config_fault(self.path, data)
        if fault:
            warnings.warn(f"{path} {fault}; its options are taken as it says", stacklevel=2)
        return read_config(data.decode("utf-8", "replace"))

    @property
    def checkpoints(self) -> list[Path]:
        """Checkpoints, newest first."""
        return sorted((self.path / "checkpoints").glob("ckpt-*.safetensors"), reverse=True)

    def policy(self, **options: Any) -> Policy:
        """The policy of the newest checkpoint: ``onic.Policy(RUN)``."""
        from onic.policy import Policy

        return Policy(self.path, **options)

    # --- other formats ---

    def to_parquet(self, folder: str | PathLike[str]) -> list[Path]:
        """Writes metrics, labels, episodes and steps as FOLDER/NAME.parquet, and returns their paths. Needs pandas and pyarrow."""
        need("pyarrow", "to_parquet", "parquet")
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        written = []
        for name in TABLES:
            path = target / f"{name}.parquet"
            self._frame(name).to_parquet(path, engine="pyarrow", index=False)
            written.append(path)
        return written

    def to_npz(self, file: str | PathLike[str]) -> Path:
        """Writes the same as one compressed file of arrays "TABLE/COLUMN", which ``numpy.load`` reads without pickle."""
        path = Path(file)
        arrays: dict[str, Any] = {}
        for name in TABLES:
            for column, values in self.table(name).items():
                arrays[f"{name}/{column}"] = tables.array_of(f"{name}/{column}", values)
        with open(path, "wb") as out:
            np.savez_compressed(out, **arrays)
        return path
