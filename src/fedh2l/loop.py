"""The loop: each round every peer speaks, the exchange carries, every peer listens."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from fedh2l.error import FedH2LError
from fedh2l.message import Inbox, Message
from fedh2l.peer import Peer
from fedh2l.wire import CODEC, codec_of
from fedh2l.wire.codec import Codec, WireError
from fedh2l.wire.frame import Session, Unreadable, decode, encode

# Outboxes of the peers hosted here -> their inboxes: for each sender that was expected, his frames
# that are new here, oldest first.
# None arrived: an empty sequence. More than one: those of earlier rounds that came late, or were
# fetched to read the last one.
Exchange = Callable[[int, Mapping[str, bytes]], Mapping[str, Mapping[str, Sequence[bytes]]]]


def to_everyone(t: int, outbox: Mapping[str, bytes]) -> dict[str, dict[str, tuple[bytes, ...]]]:
    """The smallest exchange: all peers are in this process, and each hears all others."""
    return {me: {s: (outbox[s],) for s in sorted(outbox) if s != me} for me in outbox}


LAST_ROUND = 2**32 - 1  # that a frame can name


@runtime_checkable
class Algorithm(Protocol):
    """A method: a frozen dataclass of hyper-parameters with two verbs.

    What must last between them lies in `peer.memory`.
    """

    def speak(self, peer: Peer, t: int) -> Message | None: ...

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        """Learn.

        Returns the measured conflict rate of the private and the seed gradient, or None.
        """
        ...


@dataclass(frozen=True)
class Round:
    """What happened in round t, by name of the peers hosted here. Sizes in bytes."""

    t: int
    said: Mapping[str, bytes]  # the frame of each peer
    heard: Mapping[str, Mapping[str, int]]
    missing: Mapping[str, tuple[str, ...]]  # expected, and did not arrive
    refused: Mapping[str, Mapping[str, str]]  # arrived, and was not believed: the reason
    conflict_rate: Mapping[str, float]

    @property
    def sent(self) -> dict[str, int]:
        """Bytes of one copy of what each peer said."""
        return {name: len(frame) for name, frame in self.said.items()}


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
    """Rounds `start` to `rounds` − 1 of a federation, each yielded when its peers have learnt.

    The peers are changed in place; the caller's loop evaluates, saves, plots or stops. The default
    exchange is a full graph in this process; an exchange over a network hosts only some of the
    members here. Without a `barrier` every peer counts its rounds by itself, and the newest of each
    sender is heard, whatever its round.

    Raises FedH2LError when the peers do not agree on the seed set, or a model's own posteriors are
    not distributions.
    """
    check_agreement(peers)
    carry = exchange or to_everyone
    session = Session(
        codec_of(codec) if isinstance(codec, str) else codec, peers[0].seed_set.digest
    )
    for t in range(start, rounds):
        yield _round(algorithm, peers, carry, session, t, barrier)


def _round(
    algorithm: Algorithm,
    peers: Sequence[Peer],
    exchange: Exchange,
    session: Session,
    t: int,
    barrier: bool,
) -> Round:
    said = {p.name: m for p in peers if (m := algorithm.speak(p, t)) is not None}
    outbox = {p.name: encode(said[p.name], session, p.wire) for p in peers if p.name in said}
    arrived = exchange(t, outbox)  # also with nothing to say: other processes may be waiting
    heard, missing, refused, conflicts = {}, {}, {}, {}
    for p in peers:
        # Who says nothing has nothing to compare with.
        posts = arrived.get(p.name, {}) if p.name in said else {}
        inbox: dict[str, Message] = {}
        reasons: dict[str, str] = {}
        for sender, frames in sorted(posts.items()):
            try:
                if (
                    message := _read(frames, said[p.name], session, sender, p, barrier)
                ) is not None:
                    inbox[sender] = message
            except WireError as error:
                reasons[sender] = str(error)
        heard[p.name] = {s: sum(map(len, frames)) for s, frames in posts.items() if frames}
        missing[p.name] = tuple(sorted(s for s, frames in posts.items() if not frames))
        refused[p.name] = reasons
        if (rate := algorithm.listen(p, t, inbox)) is not None:
            conflicts[p.name] = rate
    return Round(t, outbox, heard, missing, refused, conflicts)


def _read(
    frames: Sequence[bytes], mine: Message, session: Session, sender: str, peer: Peer, barrier: bool
) -> Message | None:
    """What the sender says in this round, or its newest without a barrier.

    Earlier frames are read for the sake of later ones.
    """
    newest = None
    like = mine if barrier else replace(mine, round=LAST_ROUND)
    for data in frames:
        try:
            message = decode(data, like, session, sender, peer.wire)
        except Unreadable:
            peer.wire.unreadable.add(sender)
            if data is frames[-1]:
                raise
            continue
        newest = message if message.round == mine.round or not barrier else None
    return newest


def check_agreement(peers: Sequence[Peer]) -> None:
    """Every peer must hold the same seed set, to the byte, with the classes in the same order."""
    if not peers:
        raise FedH2LError("no peers: a federation needs at least one")
    if len({p.name for p in peers}) < len(peers):
        raise FedH2LError(
            f"two peers of one name among {[p.name for p in peers]}; every peer needs its own"
        )
    first = peers[0]
    for p in peers[1:]:
        if p.seed_set.classes != first.seed_set.classes:
            raise FedH2LError(
                f"{p.name}: classes {list(p.seed_set.classes)}, but {first.name} has "
                f"{list(first.seed_set.classes)}; "
                "agree on one list in one order"
            )
        if p.seed_set.digest != first.seed_set.digest:
            raise FedH2LError(
                f"{p.name}: its seed set ({p.seed_set.fingerprint}) is not the one of {first.name} "
                f"({first.seed_set.fingerprint}); give every peer the same bytes"
            )
