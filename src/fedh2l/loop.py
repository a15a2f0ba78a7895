"""The loop: each round every peer speaks, the exchange carries, every peer listens."""

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fedh2l.delivery import Complete, Exchange, receivers_of, to_everyone
from fedh2l.discarded import is_discarded
from fedh2l.error import FedH2LError
from fedh2l.message import Inbox, Message
from fedh2l.peer import Peer, check_agreement, check_owners
from fedh2l.wire import CODEC, CODECS
from fedh2l.wire.codec import Codec
from fedh2l.wire.frame import encode
from fedh2l.wire.header import KEY_EVERY, Session
from fedh2l.wire.inbox import Reader, Report

IN_A_LOOP = "its rounds are made as they are asked for: write `for r in run(...): pass`"


@runtime_checkable
class Algorithm(Protocol):
    """A method: a frozen dataclass of hyper-parameters with two verbs.

    What must last between them lies in `peer.memory`.
    """

    def speak(self, peer: Peer, t: int) -> Message | None: ...

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        """Learn. The inbox is empty where this peer said nothing in round t: a message is read
        against what the receiver says itself.

        Returns the measured conflict rate of the private and the seed gradient, or None.
        """
        ...


@dataclass(frozen=True)
class Round:
    """What happened in round t, by name of the peers hosted here. Sizes in bytes."""

    t: int
    said: Mapping[str, Message]  # of each peer that said something
    frames: Mapping[str, bytes]  # the same as it was sent
    receivers: Mapping[str, tuple[str, ...]]  # to whom a copy went, also where it was lost
    heard: Mapping[str, Mapping[str, int]]  # bytes that came from each sender, refused ones too
    missing: Mapping[str, tuple[str, ...]]  # expected, and did not arrive
    refused: Mapping[str, Mapping[str, str]]  # arrived, and was not believed: the reason
    # How far a peer's posteriors are from those of each sender that it heard: the total variation
    # in [0, 1], as the mean over the rows that were asked about; measured when it is asked for.
    apart: Mapping[str, Mapping[str, float]]
    conflict_rate: Mapping[str, float]

    @property
    def sent(self) -> dict[str, int]:
        """Bytes of one copy of what each peer said."""
        return {name: len(frame) for name, frame in self.frames.items()}


def run(
    algorithm: Algorithm,
    peers: Sequence[Peer],
    exchange: Exchange | None = None,
    *,
    rounds: int,
    start: int = 0,
    codec: str | Codec = CODEC,
    barrier: bool = True,
) -> Iterator[Round]:
    """Rounds `start` up to, not including, `rounds` of a federation, each yielded when its peers
    have learnt.

    The peers are changed in place; the caller's loop evaluates, saves, plots or stops. The default
    exchange is a full graph in this process; an exchange over a network hosts only some of the
    members here. Without a `barrier` every peer counts its rounds by itself, and the newest of each
    sender is heard, whatever its round.

    Raises FedH2LError at once when the peers cannot be one federation: two of them share a learner,
    their seed sets differ, the exchange names strangers, or nobody takes the rounds; and during
    the rounds when a model's own posteriors are not distributions.
    """
    check_agreement(peers)
    if isinstance(algorithm, type):
        raise FedH2LError(
            f"{algorithm.__name__} is a class; give run a method: {algorithm.__name__}()"
        )
    if exchange is None or isinstance(exchange, Complete):
        check_owners(peers)
    if isinstance(exchange, Complete):
        exchange.check_names([p.name for p in peers])

    chosen = _codec(algorithm, codec)
    key_every: int | None = getattr(exchange, "key_every", None)
    session = Session(chosen, peers[0].seed_set.digest, key_every or KEY_EVERY)
    carry = exchange or to_everyone
    if is_discarded(inspect.currentframe()):
        raise FedH2LError(f"run(...) by itself does nothing; {IN_A_LOOP}")
    return Rounds(_rounds(algorithm, peers, carry, session, range(start, rounds), barrier))


def _codec(algorithm: Algorithm, codec: str | Codec) -> Codec:
    """A method that sends labels alone has a codec of its own, also where another one wraps it."""
    innermost: object = algorithm
    while hasattr(innermost, "method"):
        innermost = getattr(innermost, "method")  # noqa: B009 - not every algorithm has one
    codec = getattr(innermost, "codec", codec)
    return CODECS[codec] if isinstance(codec, str) else codec


def _rounds(
    algorithm: Algorithm,
    peers: Sequence[Peer],
    exchange: Exchange,
    session: Session,
    span: range,
    barrier: bool,
) -> Iterator[Round]:
    for t in span:
        r = _round(algorithm, peers, exchange, session, t, barrier)
        # After the last round nobody speaks any more, so a model that diverged in it is found here.
        if t == span[-1]:
            for p in peers:
                p.posteriors(p.seed_set.x)
        yield r


class Rounds(Iterator[Round]):
    """The rounds of a federation, each made when it is asked for.

    Warns where none ever was: `run(...)` alone does nothing.
    """

    def __init__(self, rounds: Iterator[Round]) -> None:
        self._rounds = rounds
        self._begun = False

    def __next__(self) -> Round:
        self._begun = True
        return next(self._rounds)

    def __del__(self) -> None:
        if not self._begun:
            warnings.warn(
                f"run(...) has done nothing, for nobody asked for its rounds; {IN_A_LOOP}",
                RuntimeWarning,
                stacklevel=2,
            )


def _round(
    algorithm: Algorithm,
    peers: Sequence[Peer],
    exchange: Exchange,
    session: Session,
    t: int,
    barrier: bool,
) -> Round:
    said, frames = _speak(algorithm, peers, session, t)
    inboxes = exchange(t, frames)  # also with nothing to say: other processes may be waiting
    receivers = receivers_of(inboxes)

    reports: dict[str, Report] = {}
    conflicts: dict[str, float] = {}
    reader = Reader(session, [p.wire for p in peers], barrier=barrier)
    for p in peers:
        inbox, reports[p.name] = reader.read(p.said, inboxes.get(p.name, {}), p.wire)
        rate = algorithm.listen(p, t, inbox)
        if rate is not None:
            conflicts[p.name] = rate
        p.said = None

    return Round(
        t=t,
        said=said,
        frames=frames,
        receivers={p.name: tuple(receivers.get(p.name, ())) for p in peers},
        heard={name: report.sizes for name, report in reports.items()},
        missing={name: report.missing for name, report in reports.items()},
        refused={name: report.refused for name, report in reports.items()},
        apart={name: report.apart for name, report in reports.items()},
        conflict_rate=conflicts,
    )


def _speak(
    algorithm: Algorithm, peers: Sequence[Peer], session: Session, t: int
) -> tuple[dict[str, Message], dict[str, bytes]]:
    """What each peer says, and its frame; all speak before any of them learns."""
    for p in peers:
        p.said = algorithm.speak(p, t)
    said = {p.name: p.said for p in peers if p.said is not None}
    frames = {p.name: encode(said[p.name], session, p.wire) for p in peers if p.name in said}
    return said, frames
