"""The frames that left this machine, read once they have been compared with what was written when
they left.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fedh2l.error import FedH2LError, choose
from fedh2l.message import Posteriors
from fedh2l.record import journal
from fedh2l.record.sent import FILES, link_line, with_receivers
from fedh2l.wire import CODECS
from fedh2l.wire.frame import decode
from fedh2l.wire.header import Session
from fedh2l.wire.state import WireState

INDEX, BODIES = FILES


def audit(folder: Path, author: str | None = None) -> list[dict[str, Any]]:
    """Every entry of the index, in order; of one author, if one is named.

    Raises FedH2LError where a line was changed, added or removed since, a frame does not have its
    SHA-256, or no peer has that name.
    """
    entries = read_index(folder)
    for _ in read_frames(folder, (e for e in entries if e["at"] is not None)):
        continue  # reading compares
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
    entries = [e for e in audit(folder, author) if e["at"] is not None and e["round"] <= t]
    if not entries or entries[-1]["round"] != t:
        raise _nothing_said(folder, author, t)
    return replayed(folder, entries)


def replayed(folder: Path, entries: Sequence[dict[str, Any]]) -> Float[np.ndarray, "rows classes"]:
    """The posteriors in the last of these frames of one author, once all of them went through the
    decoder that every receiver has.

    entries: at least one; the first can be read alone.
    """
    state, message = WireState("audit"), None
    for entry, frame in read_frames(folder, entries):
        session = Session(CODECS[entry["codec"]], entry["seed_set"])
        like = Posteriors(entry["round"], np.zeros(entry["shape"], np.float32))
        message = decode(frame, like, session, entry["author"], state)
    assert isinstance(message, Posteriors)
    return message.probs


def _nothing_said(folder: Path, author: str, t: int) -> FedH2LError:
    return FedH2LError(
        f"{folder}: {author} sent no posteriors in round {t}; fedh2l audit lists what was sent"
    )


def read_index(folder: Path) -> list[dict[str, Any]]:
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
    return with_receivers([json.loads(line) for line in data.splitlines()])


def read_frames(
    folder: Path, entries: Iterable[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each entry with its frame. Raises FedH2LError where a frame does not have its SHA-256."""
    with (folder / BODIES).open("rb") as bodies:
        for entry in entries:
            bodies.seek(entry["at"])
            frame = bodies.read(entry["bytes"])
            if sha256(frame).hexdigest() != entry["sha256"]:
                raise FedH2LError(
                    f"{folder / BODIES}: the frame of {entry['author']} in round {entry['round']} "
                    "is not what was sent; changed or damaged since"
                )
            yield entry, frame
