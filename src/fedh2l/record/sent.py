"""What left this machine: every frame as it was sent, and an index that says when, to whom, what
and how much; with its SHA-256.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fedh2l.error import FedH2LError
from fedh2l.loop import Round
from fedh2l.message import Posteriors
from fedh2l.wire import codec_of
from fedh2l.wire.frame import Session, decode
from fedh2l.wire.state import WireState

FILES = ("sent.jsonl", "sent.bin")
RECORD, SEGMENT = 16_384, 1_448  # bytes of a TLS record, of a TCP segment on Ethernet
# Bytes of a TLS 1.3 record's head, type and tag; of the heads of TCP with timestamps and IPv4.
TLS, TCP_IP = 22, 52


@dataclass(frozen=True)
class Sent:
    """One frame, who was sent a copy of it, and what it says."""

    round: int
    author: str
    receivers: tuple[str, ...]
    frame: bytes
    kind: str  # of the message in it
    shape: tuple[int, ...]


def frames_of(r: Round) -> list[Sent]:
    """What the peers hosted here sent in a round, by author."""
    return [
        Sent(r.t, name, r.receivers[name], frame, r.said[name].kind, r.said[name].shape)
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


def append_frames(place: Path, sent: Iterable[Sent], about: dict[str, Any]) -> None:
    """`about`: codec and seed_set of all of them.

    Of other messages than posteriors only the index is kept: their bodies would fill the disk.
    """
    with (place / FILES[0]).open("a") as index, (place / FILES[1]).open("ab") as bodies:
        for s in sent:
            kept = s.kind == Posteriors.kind
            told = {
                "round": s.round,
                "author": s.author,
                "receivers": list(s.receivers),
                "bytes": len(s.frame),
                "kind": s.kind,
                "shape": list(s.shape),
            }
            told |= {
                "sha256": sha256(s.frame).hexdigest(),
                "at": bodies.tell() if kept else None,
                **(about if kept else {}),
            }
            index.write(json.dumps(told) + "\n")
            if kept:
                bodies.write(s.frame)


def file_sizes(place: Path) -> list[int]:
    return [(place / f).stat().st_size if (place / f).exists() else 0 for f in FILES]


def truncate_to(place: Path, to: Sequence[int]) -> None:
    """Back to these sizes: what a killed run wrote after its last checkpoint is sent again."""
    for name, size in zip(FILES, to, strict=True):
        if (place / name).exists():
            with (place / name).open("ab") as file:
                file.truncate(size)


def audit(place: Path) -> Iterator[dict[str, Any]]:
    """Every line of the index, once the frame that it speaks of has been read and its SHA-256 is
    right.
    """
    if not (place / FILES[0]).is_file():
        raise FedH2LError(
            f"{place}: no {FILES[0]} there: not a run of this release, or nothing was ever sent"
        )
    with (place / FILES[0]).open() as index, (place / FILES[1]).open("rb") as bodies:
        for number, line in enumerate(index, 1):
            told = json.loads(line)
            if told["at"] is not None:
                bodies.seek(told["at"])
                if sha256(bodies.read(told["bytes"])).hexdigest() != told["sha256"]:
                    raise FedH2LError(
                        f"{place / FILES[1]}: the frame of line {number} is not what was sent; "
                        "changed or damaged since"
                    )
            yield told


def decoded(place: Path, author: str, t: int) -> Float[np.ndarray, "rows classes"]:
    """What the others read in a frame: the author's frames up to it, through the decoder that every
    receiver has.
    """
    lines, found = WireState("audit"), None
    with (place / FILES[1]).open("rb") as bodies:
        for told in audit(place):
            if told["author"] != author or told["at"] is None or told["round"] > t:
                continue
            bodies.seek(told["at"])
            session = Session(codec_of(told["codec"]), told["seed_set"])
            like = Posteriors(told["round"], np.zeros(told["shape"], np.float32))
            message = decode(bodies.read(told["bytes"]), like, session, author, lines)
            if told["round"] == t and isinstance(message, Posteriors):
                found = message.probs
    if found is None:
        raise FedH2LError(
            f"{place}: {author} sent no posteriors in round {t}; fedh2l audit {place} lists what "
            "was sent"
        )
    return found
