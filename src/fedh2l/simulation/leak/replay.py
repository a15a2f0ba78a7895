"""A run of which one peer learns something else: what the others said is taken from its record."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fedh2l.delivery import Delivery, Outbox
from fedh2l.error import FedH2LError
from fedh2l.exchange.in_process import InProcess
from fedh2l.message import Posteriors
from fedh2l.record.audit import read_frames, read_index

Frames = dict[int, dict[str, bytes]]  # by round and author


class Recorded:
    """The exchange of a run for a peer that speaks anew among others that say what they said, with
    the same absences and losses.

    An approximation: what the others said then, they said after they had heard the peer as it was.
    """

    def __init__(self, frames: Frames, exchange: InProcess) -> None:
        self._frames, self._exchange = frames, exchange

    def __call__(self, t: int, outbox: Outbox) -> Delivery:
        inboxes = self._exchange(t, {**self._frames.get(t, {}), **outbox})
        ours = {name: inboxes.receivers.get(name, ()) for name in outbox}
        return Delivery({name: inboxes[name] for name in outbox}, ours)

    @property
    def key_every(self) -> int | None:
        """See `InProcess`."""
        return self._exchange.key_every


def frames_of_run(folder: Path, peer: str) -> Frames:
    """All that was said in a run.

    Raises FedH2LError where the peer said nothing, or something else than posteriors.
    """
    entries = read_index(folder)
    _check_kind([entry for entry in entries if entry["author"] == peer], peer)
    frames: Frames = {}
    for entry, frame in read_frames(folder, entries):
        frames.setdefault(entry["round"], {})[entry["author"]] = frame
    return frames


def _check_kind(entries: Iterable[dict[str, Any]], peer: str) -> None:
    kinds = {entry["kind"] for entry in entries}
    if not kinds:
        raise FedH2LError(f"{peer} said nothing in this run, so nothing of it leaked to the others")
    if kinds != {Posteriors.kind}:
        others = " and ".join(sorted(kinds - {Posteriors.kind}))
        raise FedH2LError(
            f"{peer} sent {others}, and this audit attacks posteriors on the seed set; weights are "
            "the model itself: audit a run of the same models with --algorithm fedh2l, and read "
            "the line of the final model"
        )
