"""The exchange, which carries frames from peer to peer: any function of a round and its outbox."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

from fedh2l.others import Others, Shared

Outbox = Mapping[str, bytes]  # the frame of each peer hosted here that says something
# Of each peer hosted here: for each sender that it expects, that sender's frames that are new here,
# oldest first. An empty sequence: no frame arrived. More than one frame: earlier rounds' frames
# came late, or were fetched to read the last one.
Inboxes = Mapping[str, Mapping[str, Sequence[bytes]]]
Exchange = Callable[[int, Outbox], Inboxes]


class Delivery(dict[str, Mapping[str, Sequence[bytes]]]):
    """Inboxes from an exchange that knows to whom each frame went.

    An exchange may as well return plain inboxes. A frame then counts as sent to every peer hosted
    here that expected it; that peers in other processes got it, or that nothing was sent to an
    absent one, only the exchange can know.
    """

    def __init__(self, inboxes: Inboxes, receivers: Mapping[str, Sequence[str]]) -> None:
        super().__init__(inboxes)
        self.receivers = receivers


@runtime_checkable
class Complete(Protocol):
    """An exchange all of whose peers are in this process, so that it can be held against them."""

    def __call__(self, t: int, outbox: Outbox) -> Inboxes: ...

    def check_names(self, names: Sequence[str]) -> None:
        """Raise FedH2LError where it knows other peers than these."""
        ...


def to_everyone(t: int, outbox: Outbox) -> Delivery:
    """The smallest exchange: all peers are in this process, and each hears all others."""
    everyone = Shared({name: (outbox[name],) for name in sorted(outbox)})
    return Delivery({me: Others(everyone, me) for me in outbox}, all_others(tuple(everyone)))


@lru_cache(maxsize=1)  # the same in each round, so that N² names are held once
def all_others(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """For each of these names all others, in order."""
    return {name: names[:i] + names[i + 1 :] for i, name in enumerate(names)}


def receivers_of(inboxes: Inboxes) -> Mapping[str, Sequence[str]]:
    """The receivers of each sender's frame: as the exchange says, or all that expected it."""
    if isinstance(inboxes, Delivery):
        return inboxes.receivers
    receivers: dict[str, list[str]] = {}
    for me, senders in sorted(inboxes.items()):
        for sender in senders:
            receivers.setdefault(sender, []).append(me)
    return receivers
