"""The frames that left this machine, as they were sent, and an index of them: round, author,
receivers, kind, size and SHA-256 of each.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

from fedh2l.loop import Round
from fedh2l.message import Posteriors

FILES = ("sent.jsonl", "sent.bin")
FEW = 20  # receivers that are named in each line
RECORD, SEGMENT = 16_384, 1_448  # bytes of a TLS record, of a TCP segment on Ethernet
# Bytes of a TLS 1.3 record's head, type and tag; of the heads of TCP with timestamps and IPv4.
TLS, TCP_IP = 22, 52


@dataclass(frozen=True)
class Sent:
    """One frame: its author, the receivers of its copies, and the kind of message in it."""

    round: int
    author: str
    receivers: tuple[str, ...]
    frame: bytes
    kind: str  # of the message in it
    shape: tuple[int, ...]


def frames_of(r: Round) -> list[Sent]:
    """The frames that the peers hosted here sent in a round, by author."""
    return [
        Sent(
            round=r.t,
            author=name,
            receivers=r.receivers[name],
            frame=frame,
            kind=r.said[name].kind,
            shape=r.said[name].shape,
        )
        for name, frame in sorted(r.frames.items())
    ]


def on_wire(payload: int) -> int:
    """Bytes of a message with its TLS 1.3 records and TCP/IPv4 segments: an estimate, without
    handshakes and acknowledgements.
    """
    if not payload:
        return 0
    sealed = payload + TLS * ceil(payload / RECORD)
    return sealed + TCP_IP * ceil(sealed / SEGMENT)


def append_frames(folder: Path, frames: Iterable[Sent], about: dict[str, Any], chain: str) -> str:
    """Append the frames and their lines in the index; `about`: codec and seed_set of all of them.

    Returns the chain with these lines. Of other messages than posteriors only the index is kept:
    their bodies would fill the disk.
    """
    first_lines: dict[tuple[str, ...], int] = {}
    with (folder / FILES[0]).open("ab") as index, (folder / FILES[1]).open("ab") as bodies:
        for number, s in enumerate(frames):
            is_kept = s.kind == Posteriors.kind
            entry = {
                "round": s.round,
                "author": s.author,
                **_receivers(s, number, first_lines),
                "bytes": len(s.frame),
                "kind": s.kind,
                "shape": list(s.shape),
                "sha256": sha256(s.frame).hexdigest(),
                "at": bodies.tell() if is_kept else None,
                **(about if is_kept else {}),
            }

            line = json.dumps(entry).encode() + b"\n"
            chain = link_line(chain, line)
            index.write(line)
            if is_kept:
                bodies.write(s.frame)

        # Both files reach the disk before the commit that counts their bytes.
        for file in (index, bodies):
            file.flush()
            os.fsync(file.fileno())
    return chain


def _receivers(s: Sent, number: int, first_lines: dict[tuple[str, ...], int]) -> dict[str, Any]:
    """The receivers as they stand in a line. Where they are many, the line has the author with
    them, and a later one with the same names says how many lines before it that was: else a full
    graph of N peers would have N² names in each round.
    """
    if len(s.receivers) <= FEW:
        return {"receivers": list(s.receivers)}
    audience = tuple(sorted({*s.receivers, s.author}))
    if audience in first_lines:
        return {"audience": number - first_lines[audience]}
    first_lines[audience] = number
    return {"audience": list(audience)}


def with_receivers(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries as they were read, each with its receivers by name."""
    audiences: list[list[str]] = []  # of each line
    lists: dict[tuple[str, ...], dict[str, list[str]]] = {}  # the same names are held once
    for number, entry in enumerate(entries):
        audience = entry.pop("audience", [])
        if isinstance(audience, int):
            audience = audiences[number - audience]
        audiences.append(audience)
        if audience:
            by_author = lists.setdefault(tuple(audience), {})
            author = entry["author"]
            if author not in by_author:
                by_author[author] = [name for name in audience if name != author]
            entry["receivers"] = by_author[author]
    return entries


def link_line(chain: str, line: bytes) -> str:
    """The chain with one more line: a SHA-256 (hex) over all lines of the index and their order."""
    return sha256(chain.encode() + line).hexdigest()
