# SPDX-License-Identifier: MIT
"""Checkpoints of onic: safetensors files with checksums (common/checkpoint/FORMAT.md), read suspiciously."""

from __future__ import annotations

import json
import re
import warnings
from os import PathLike
from pathlib import Path

import numpy as np

from onic._version import __version__
from onic.errors import OnicError
from onic.files import read_plain_text
from onic.xxh3 import xxh3_128

FORMAT = "1"
_HEADER_MAX = 1 << 20
_FILE_MAX = 1 << 33
_START = re.compile(rb'\{"__metadata__":\{"onic\.xxh3":"([0-9a-f]{32})","onic\.format":"([0-9]{1,9})"')
_TYPES: dict[str, np.dtype] = {"F32": np.dtype("<f4"), "U8": np.dtype(np.uint8)}


class Checkpoint:
    """A checkpoint that was read and is whole.

    path     where it was read
    facts    strings of the writer: ``weights_version``, ``env_steps``, ...
    tensors  arrays by name: F32 (``policy/core.w_x``) and U8 (``net``, ``config``), read-only
    """

    def __init__(self, path: Path, facts: dict[str, str], tensors: dict[str, np.ndarray]) -> None:
        self.path, self.facts, self.tensors = path, facts, tensors

    def text(self, name: str) -> str:
        """A section of bytes as text; OnicError where there is none of that name."""
        if name not in self.tensors:
            raise OnicError(f"{self.path} has no section {name}: it is no checkpoint of a learner")
        return self.tensors[name].tobytes().decode("utf-8", "replace")


def read(path: str | PathLike[str]) -> Checkpoint:
    """Reads one file. OnicError with one sentence: it cannot be read, is no checkpoint, is of another format, or is damaged."""
    file = Path(path)
    try:
        size = file.stat().st_size
        data = file.read_bytes() if file.is_file() and size <= _FILE_MAX else b""
    except OSError as error:
        raise OnicError(f"{file} cannot be read: {error.strerror or error}") from error
    start = _START.match(data, 8)
    if not start:
        raise OnicError(f"{file} is no checkpoint of onic (RUN/checkpoints/ckpt-*.safetensors)")
    blank = start.start(1)
    whole = bytearray(data)
    whole[blank : blank + 32] = b"0" * 32
    if len(whole) <= 240 or xxh3_128(whole) != start[1].decode():
        raise OnicError(f"{file} is damaged: its checksum is not that of its bytes; take an older one of the same folder")
    if start[2].decode() != FORMAT:
        raise OnicError(
            f"{file} is a checkpoint of format {start[2].decode()}, and this package (onic {__version__}) reads format {FORMAT}:"
            " take the package of the onic that wrote it"
        )
    return _take_apart(file, data)


def _take_apart(file: Path, data: bytes) -> Checkpoint:
    length = int.from_bytes(data[:8], "little")
    base = 8 + length
    try:
        if length > _HEADER_MAX or base > len(data):
            raise ValueError("its header is too long")
        header = json.loads(data[8:base])
        facts = {key: str(value) for key, value in header.pop("__metadata__").items() if not key.startswith("onic.")}
        tensors, end = {}, 0
        for name, entry in header.items():
            dtype: np.dtype = _TYPES[entry["dtype"]]
            shape, (first, last) = tuple(entry["shape"]), entry["data_offsets"]
            if first != end or last < first or base + last > len(data) or any(not isinstance(n, int) or n < 0 for n in shape):
                raise ValueError("its sections overlap, leave holes or pass the end")
            tensors[name] = np.frombuffer(data, dtype, count=(last - first) // dtype.itemsize, offset=base + first).reshape(shape)
            end = last
        if base + end != len(data):
            raise ValueError("bytes behind its last section belong to nobody")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OnicError(f"{file} is damaged: {error}") from error
    return Checkpoint(file, facts, tensors)


def newest(run: Path) -> Checkpoint:
    """The newest valid checkpoint of a run directory. A newer one that is damaged is passed over with a warning."""
    if not run.is_dir():
        raise OnicError(f"{run} does not exist; a run directory or a checkpoint is wanted")
    files = sorted((run / "checkpoints").glob("ckpt-*.safetensors"), reverse=True)
    if not files:
        raise OnicError(f"{run} has no checkpoint: no RUN/checkpoints/ckpt-*.safetensors")
    faults: list[str] = []
    for file in files:
        try:
            found = read(file)
        except OnicError as error:
            if "is damaged" not in str(error) and file.exists():
                raise
            faults.append(str(error))
            continue
        for fault in faults:
            warnings.warn(f"{fault}; {file.name} is taken instead", stacklevel=3)
        _check_owner(run, found)
        return found
    raise OnicError(faults[0])


def _check_owner(run: Path, found: Checkpoint) -> None:
    """A checkpoint that was copied in from another run is none of this run."""
    name = run / "run_id"
    if "run_id" in found.tensors and name.exists():
        if read_plain_text(name).strip() != found.tensors["run_id"].tobytes().hex():
            raise OnicError(f"{found.path} is of another run than {run} (run_id): name the file itself if it is meant")


def open_checkpoint(path: str | PathLike[str]) -> Checkpoint:
    """A checkpoint, or the newest one of a run directory."""
    return read(path) if Path(path).is_file() else newest(Path(path))
