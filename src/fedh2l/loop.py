"""The loop: each round every peer speaks, the exchange carries, every peer listens."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fedh2l.error import FedH2LError
from fedh2l.exchange.in_process import InProcess
from fedh2l.message import Inbox, Message
from fedh2l.peer import Peer
from fedh2l.wire import WireError, decode, encode

# Outboxes of the peers hosted here -> their inboxes. A sender that was expected and did not arrive is there as None.
Exchange = Callable[[int, Mapping[str, bytes]], Mapping[str, Mapping[str, bytes | None]]]


@runtime_checkable
class Algorithm(Protocol):
    """A method: a frozen dataclass of hyper-parameters with two verbs. What must last between them lies in `peer.memory`."""

    def speak(self, peer: Peer, t: int) -> Message | None: ...

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        """Learn. Returns the measured conflict rate of the private and the seed gradient, or None."""
        ...


@dataclass(frozen=True)
class Round:
    """What happened in round t, by name of the peers hosted here. Sizes in bytes."""

    t: int
    sent: Mapping[str, int]  # one copy of what each peer said
    heard: Mapping[str, Mapping[str, int]]
    missing: Mapping[str, tuple[str, ...]]  # expected, and did not arrive
    refused: Mapping[str, Mapping[str, str]]  # arrived, and was not believed: the reason
    conflict_rate: Mapping[str, float]


def run(algorithm: Algorithm, peers: Sequence[Peer], exchange: Exchange | None = None, *, rounds: int, start: int = 0) -> Iterator[Round]:
    """Rounds `start` to `rounds` − 1 of a federation, each yielded when its peers have learnt.

    The peers are changed in place; the caller's loop evaluates, saves, plots or stops. The default exchange is a full
    graph in this process; an exchange over a network hosts only some of the members here.

    Raises FedH2LError when the peers do not agree on the seed set, or a model's own posteriors are not distributions.
    """
    check_agreement(peers)
    carry = exchange or InProcess()
    for t in range(start, rounds):
        yield _round(algorithm, peers, carry, t)


def _round(algorithm: Algorithm, peers: Sequence[Peer], exchange: Exchange, t: int) -> Round:
    said = {p.name: m for p in peers if (m := algorithm.speak(p, t)) is not None}
    session = bytes.fromhex(peers[0].seed_set.digest)[:8]
    outbox = {name: encode(m, session) for name, m in said.items()}
    arrived = exchange(t, outbox)  # also with nothing to say: other processes may be waiting
    heard, missing, refused, conflicts = {}, {}, {}, {}
    for p in peers:
        posts = arrived.get(p.name, {}) if p.name in said else {}  # who says nothing has nothing to compare with
        inbox: dict[str, Message] = {}
        reasons: dict[str, str] = {}
        for sender, data in sorted(posts.items()):
            if data is None:
                continue
            try:
                inbox[sender] = decode(data, said[p.name], session, sender)
            except WireError as error:
                reasons[sender] = str(error)
        heard[p.name] = {s: len(data) for s, data in posts.items() if data is not None}
        missing[p.name] = tuple(sorted(s for s, data in posts.items() if data is None))
        refused[p.name] = reasons
        if (rate := algorithm.listen(p, t, inbox)) is not None:
            conflicts[p.name] = rate
    return Round(t, {n: len(b) for n, b in outbox.items()}, heard, missing, refused, conflicts)


def check_agreement(peers: Sequence[Peer]) -> None:
    """Every peer must hold the same seed set, to the byte, with the classes in the same order."""
    if not peers:
        raise FedH2LError("no peers: a federation needs at least one")
    if len({p.name for p in peers}) < len(peers):
        raise FedH2LError(f"two peers of one name among {[p.name for p in peers]}; every peer needs its own")
    first = peers[0]
    for p in peers[1:]:
        if p.seed_set.classes != first.seed_set.classes:
            raise FedH2LError(
                f"{p.name}: classes {list(p.seed_set.classes)}, but {first.name} has {list(first.seed_set.classes)}; "
                "agree on one list in one order"
            )
        if p.seed_set.digest != first.seed_set.digest:
            raise FedH2LError(
                f"{p.name}: its seed set ({p.seed_set.fingerprint}) is not the one of {first.name} "
                f"({first.seed_set.fingerprint}); give every peer the same bytes"
            )
