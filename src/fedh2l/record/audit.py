"""Reading what left this machine, once it has been compared with what was written at the time."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float

from fedh2l.error import FedH2LError, choose
from fedh2l.message import Posteriors
from fedh2l.record import journal
from fedh2l.record.sent import FILES, linked
from fedh2l.wire import CODECS
from fedh2l.wire.frame import Session, decode
from fedh2l.wire.state import WireState

INDEX, BODIES = FILES


def audit(place: Path, author: str | None = None) -> list[dict[str, Any]]:
    """Every entry of the index, in order; of one author, if one is named.

    Raises FedH2LError where a line was changed, added or removed since, a frame is not what its
    SHA-256 says, or nobody of that name is a peer.
    """
    entries = _entries(place)
    if entries:
        _check_frames(place, entries)
    peers = {e["author"] for e in entries} | {name for e in entries for name in e["receivers"]}
    if author is not None:
        choose("peer", author, peers)
    return [e for e in entries if author in (None, e["author"])]


def chain_of(place: Path) -> str:
    """SHA-256 (hex) over the whole index: whoever noted it elsewhere can compare it later."""
    saved = journal.latest(place)
    return saved["chain"] if saved else ""


def decoded(place: Path, author: str, t: int) -> Float[np.ndarray, "rows classes"]:
    """What the others read in a frame: the author's frames up to it, through the decoder that every
    receiver has.
    """
    state, probs = WireState("audit"), None
    entries = [e for e in audit(place, author) if e["at"] is not None and e["round"] <= t]
    if not entries:
        raise _nothing_said(place, author, t)
    with (place / BODIES).open("rb") as bodies:
        for entry in entries:
            session = Session(CODECS[entry["codec"]], entry["seed_set"])
            like = Posteriors(entry["round"], np.zeros(entry["shape"], np.float32))
            message = decode(_frame(bodies, entry), like, session, author, state)
            if entry["round"] == t and isinstance(message, Posteriors):
                probs = message.probs
    if probs is None:
        raise _nothing_said(place, author, t)
    return probs


def _nothing_said(place: Path, author: str, t: int) -> FedH2LError:
    return FedH2LError(
        f"{place}: {author} sent no posteriors in round {t}; fedh2l audit lists what was sent"
    )


def _entries(place: Path) -> list[dict[str, Any]]:
    """The lines that the last checkpoint counts; whatever stands after them does not count yet."""
    path, saved = place / INDEX, journal.latest(place)
    if saved is None:
        raise FedH2LError(
            f"{place}: no checkpoints/latest.json there, which says what was sent: not a run of "
            "this release, or one that was stopped before its first evaluation"
        )
    size = saved["sizes"][INDEX]
    if not size and not path.exists():
        raise FedH2LError(f"{place}: nothing was ever sent")
    data = path.read_bytes()[:size] if path.exists() else b""

    chain = ""
    for line in data.splitlines(keepends=True):
        chain = linked(chain, line)
    if len(data) < size or chain != saved["chain"]:
        raise FedH2LError(
            f"{path}: not the index that was written ({len(data)} of {size} bytes): lines were "
            "changed, added or removed since, or the file is damaged; restore it from a copy"
        )
    return [json.loads(line) for line in data.splitlines()]


def _check_frames(place: Path, entries: list[dict[str, Any]]) -> None:
    with (place / BODIES).open("rb") as bodies:
        for number, entry in enumerate(entries, 1):
            if entry["at"] is None:
                continue
            if sha256(_frame(bodies, entry)).hexdigest() != entry["sha256"]:
                raise FedH2LError(
                    f"{place / BODIES}: the frame of line {number} is not what was sent; changed "
                    "or damaged since"
                )


def _frame(bodies: BinaryIO, entry: dict[str, Any]) -> bytes:
    bodies.seek(entry["at"])
    return bodies.read(entry["bytes"])
