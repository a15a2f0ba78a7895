"""Peers in several processes, of this machine or of a cluster: each runs the same loop, and their
outboxes meet here.

Nothing but frames and what was counted passes through here. A worker that dies is replaced: its
peers go on from their last checkpoint, and hear again what they have heard since, so they say what
they said, to the last bit, and no other worker waits for longer than that takes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

from fedh2l.delivery import Delivery, Exchange, receivers_of
from fedh2l.error import FedH2LError

MOST_DEATHS = 3  # of one worker, without a round between them


@runtime_checkable
class Item(Protocol):
    """What a worker yields."""

    @property
    def place(self) -> tuple[str, int]:
        """Of which cell, and after how many rounds: -1 before the first."""
        ...

    @property
    def kept(self) -> bool:
        """Whether a worker that begins anew goes on from here, once the item was dealt with."""
        ...


# What a worker does for the peers that it hosts: yields items, in step with the other workers.
Work = Callable[[Sequence[str], Exchange], Iterator[Item]]


class WorkerDied(Exception):
    """A process, an actor or its machine is gone."""


@runtime_checkable
class Worker(Protocol):
    """One process or actor. It says something, and waits for the reply."""

    def receive(self) -> tuple[str, Any]:
        """What it says: "say" with a round and an outbox, "item" with one, "end", or why it cannot
        go on. Raises WorkerDied.
        """
        ...

    def send(self, reply: Any) -> None:
        """Raises WorkerDied."""
        ...

    def end(self) -> None:
        """End it, whatever it is doing."""
        ...


# Start a worker for these peers; rounds from one key frame to the next where that is unusual.
StartWorker = Callable[[Work, Sequence[str], int | None], Worker]


def in_step(
    start: StartWorker,
    work: Work,
    groups: Sequence[Sequence[str]],
    exchange: Exchange,
    *,
    repeats: bool = True,
) -> Iterator[list[Any]]:
    """Run `work` (picklable) for every group of peers in a worker of its own; yields what they
    yield, one item of each.

    repeats: a worker that begins anew says what it said; otherwise none takes another's place.

    A refusal in a worker is raised here, with its own words. No worker outlives the iteration.
    """
    key_every: int | None = getattr(exchange, "key_every", None)
    hosts: list[_Host] = []
    try:
        for group in groups:
            begin = partial(start, work, group, key_every)
            hosts.append(_Host(begin, group, repeats=repeats))
        yield from _events(hosts, exchange)
    finally:
        for host in hosts:
            host.end()


def _events(hosts: "Sequence[_Host]", exchange: Exchange) -> Iterator[list[Any]]:
    while True:
        # All workers run the same loop, so all are at the same point of it.
        kinds, contents = zip(*[host.receive() for host in hosts], strict=True)
        if len(set(kinds)) > 1:
            raise RuntimeError(f"workers out of step: {', '.join(kinds)}")
        if kinds[0] == "end":
            return
        if kinds[0] == "say":
            _carry(hosts, contents, exchange)
            continue

        yield list(contents)
        # As in one process: nothing happens until the caller has dealt with the item.
        for host in hosts:
            host.acknowledge()


def _carry(hosts: "Sequence[_Host]", contents: Sequence[Any], exchange: Exchange) -> None:
    """Join the outboxes of all workers, and give each the inboxes of its peers.

    `contents`: of each worker the round and the outbox of the peers that it hosts.
    """
    t = contents[0][0]
    outbox: dict[str, bytes] = {}
    for _, part in contents:
        outbox |= part
    inboxes = exchange(t, outbox)
    receivers = receivers_of(inboxes)
    for host, (_, part) in zip(hosts, contents, strict=True):
        ours = {name: receivers.get(name, ()) for name in host.group}
        host.answer(Delivery({name: inboxes.get(name, {}) for name in part}, ours))


class _Host:
    """The worker of a group of peers, and the ones that take its place when it dies."""

    def __init__(self, start: Callable[[], Worker], group: Sequence[str], *, repeats: bool) -> None:
        self.group, self._repeats = group, repeats
        self._start, self._worker = start, start()
        self._said: tuple[str, Any] = ("", None)
        self._cell, self._deaths = "", 0  # of which cell the worker speaks
        # What its peers heard, by cell and round, since the last checkpoint; what was yielded.
        self._heard: dict[tuple[str, int], Delivery] = {}
        self._yielded: set[tuple[str, int]] = set()

    def receive(self) -> tuple[str, Any]:
        """What it says next that it has not said before."""
        while True:
            try:
                self._said = _checked(*self._worker.receive())
            except WorkerDied:
                self._replace()
                continue
            known = self._known_reply(*self._said)
            if known is None:
                return self._said
            self._reply(known)

    def _known_reply(self, kind: str, content: Any) -> Any:
        """The reply to what a worker says that began anew; None to what was never said before."""
        if kind == "say":
            return self._heard.get((self._cell, content[0]))
        if kind == "item":
            self._cell = content.place[0]
            return "go on" if content.place in self._yielded else None
        return None

    def acknowledge(self) -> None:
        """Let it go on after an item, which the caller has dealt with."""
        item: Item = self._said[1]
        self._yielded.add(item.place)
        if item.kept:
            cell, done = item.place
            self._heard = {
                at: d for at, d in self._heard.items() if at[0] == cell and at[1] >= done
            }
        self._reply("go on")

    def answer(self, delivery: Delivery) -> None:
        """Give its peers what they hear in the round of which it spoke."""
        self._heard[self._cell, self._said[1][0]] = delivery
        self._deaths = 0
        self._reply(delivery)

    def end(self) -> None:
        self._worker.end()

    def _reply(self, reply: Any) -> None:
        try:
            self._worker.send(reply)
        except WorkerDied:
            self._replace()

    def _replace(self) -> None:
        self._worker.end()
        if not self._repeats:
            raise FedH2LError(
                f"the worker of {', '.join(self.group[:3])} died, and within a privacy budget no "
                "other one can say again what it said; --resume the run"
            )
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            raise FedH2LError(
                f"the worker of {', '.join(self.group[:3])} died {self._deaths} times in one "
                "round, perhaps for lack of memory; try fewer --workers, then --resume the run"
            )
        self._worker, self._cell = self._start(), ""


def _checked(kind: str, content: Any) -> tuple[str, Any]:
    if kind == "refused":
        raise FedH2LError(content)
    if kind == "missing":
        raise ModuleNotFoundError(f"No module named {content!r}", name=content)
    if kind == "failed":
        raise RuntimeError(f"a worker process failed:\n{content}")
    return kind, content


def shares(cost: Mapping[str, int], processes: int) -> list[list[str]]:
    """Peers dealt out so that the processes have about as much to do: the costliest first, each to
    the least burdened.
    """
    groups: list[list[str]] = [[] for _ in range(min(processes, len(cost)))]
    for name in sorted(cost, key=lambda n: -cost[n]):
        min(groups, key=lambda g: sum(cost[n] for n in g)).append(name)
    return groups
