"""The frames that left this machine, read once they have been compared with what was written when
they left.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float

from fedh2l.error import FedH2LError, choose
from fedh2l.message import Posteriors
from fedh2l.record import journal
from fedh2l.record.sent import FILES, link_line
from fedh2l.wire import CODECS
from fedh2l.wire.frame import Session, decode
from fedh2l.wire.state import WireState

INDEX, BODIES = FILES


def audit(folder: Path, author: str | None = None) -> list[dict[str, Any]]:
    """Every entry of the index, in order; of one author, if one is named.

    Raises FedH2LError where a line was changed, added or removed since, a frame does not have its
    SHA-256, or no peer has that name.
    """
    entries = _entries(folder)
    if entries:
        _check_frames(folder, entries)
    peers = {e["author"] for e in entries} | {name for e in entries for name in e["receivers"]}
    if author is not None:
        choose("peer", author, peers)
    return [e for e in entries if author in (None, e["author"])]


def chain_of(folder: Path) -> str:
    """SHA-256 (hex) over the whole index, to be noted elsewhere and compared later."""
    commit = journal.latest(folder)
    return commit["chain"] if commit else ""


def decode_posteriors(folder: Path, author: str, t: int) -> Float[np.ndarray, "rows classes"]:
    """The posteriors of an author in round t as its receivers read them.

    All its frames up to that round go through the decoder that every receiver has. Raises
    FedH2LError where it sent no posteriors in that round.
    """
    state, probs = WireState("audit"), None
    entries = [e for e in audit(folder, author) if e["at"] is not None and e["round"] <= t]
    if not entries:
        raise _nothing_said(folder, author, t)
    with (folder / BODIES).open("rb") as bodies:
        for entry in entries:
            session = Session(CODECS[entry["codec"]], entry["seed_set"])
            like = Posteriors(entry["round"], np.zeros(entry["shape"], np.float32))
            message = decode(_frame(bodies, entry), like, session, author, state)
            if entry["round"] == t and isinstance(message, Posteriors):
                probs = message.probs
    if probs is None:
        raise _nothing_said(folder, author, t)
    return probs


def _nothing_said(folder: Path, author: str, t: int) -> FedH2LError:
    return FedH2LError(
        f"{folder}: {author} sent no posteriors in round {t}; fedh2l audit lists what was sent"
    )


def _entries(folder: Path) -> list[dict[str, Any]]:
    """The lines of the index that the last commit counts; lines after them do not count yet."""
    path, commit = folder / INDEX, journal.latest(folder)
    if commit is None:
        raise FedH2LError(
            f"{folder}: no checkpoints/latest.json there, which says what was sent: not a run of "
            "this release, or one that was stopped before its first evaluation"
        )
    size = commit["sizes"][INDEX]
    if not size and not path.exists():
        raise FedH2LError(f"{folder}: nothing was ever sent")
    data = path.read_bytes()[:size] if path.exists() else b""

    chain = ""
    for line in data.splitlines(keepends=True):
        chain = link_line(chain, line)
    if len(data) < size or chain != commit["chain"]:
        raise FedH2LError(
            f"{path}: not the index that was written ({len(data)} of {size} bytes): lines were "
            "changed, added or removed since, or the file is damaged; restore it from a copy"
        )
    return [json.loads(line) for line in data.splitlines()]


def _check_frames(folder: Path, entries: list[dict[str, Any]]) -> None:
    with (folder / BODIES).open("rb") as bodies:
        for number, entry in enumerate(entries, 1):
            if entry["at"] is None:
                continue
            if sha256(_frame(bodies, entry)).hexdigest() != entry["sha256"]:
                raise FedH2LError(
                    f"{folder / BODIES}: the frame of line {number} is not what was sent; changed "
                    "or damaged since"
                )


def _frame(bodies: BinaryIO, entry: dict[str, Any]) -> bytes:
    bodies.seek(entry["at"])
    return bodies.read(entry["bytes"])
