"""The exchange of a simulation: every peer in this process, any graph, absent peers and lost
messages on request.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedh2l.delivery import Delivery, Outbox, to_everyone
from fedh2l.error import FedH2LError


@dataclass(frozen=True)
class InProcess:
    """The faults of round t depend on (seed, t) alone, so a resumed run meets the same absences as
    one that never stopped.
    """

    # Who hears whom, such as dict(networkx_graph.adjacency()); None: all.
    graph: Mapping[str, Collection[str]] | None = None
    participation: float = 1.0  # share of the peers present in a round
    loss: float = 0.0  # probability that a message is lost on its way
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.participation <= 1 or not 0 <= self.loss < 1:
            raise FedH2LError(
                f"participation {self.participation} must be in (0, 1], loss {self.loss} in [0, 1)"
            )

    def __call__(self, t: int, outbox: Outbox) -> Delivery:
        names = sorted(outbox if self.graph is None else self.graph)
        lost_links, absent = self._faults(t, names)
        if self.graph is None and not lost_links and not absent:
            return to_everyone(t, outbox)
        inboxes = {
            me: {
                s: () if {s, me} & absent or (s, me) in lost_links else (outbox[s],)
                for s in self.heard_by(me, outbox)
            }
            for me in outbox
        }
        return Delivery(inboxes, self._receivers(names, absent))

    def check_names(self, names: Sequence[str]) -> None:
        """Raise FedH2LError where the graph is not one over these peers."""
        if self.graph is None:
            return
        peers = ", ".join(sorted(names))
        for node in sorted(set(names) - set(self.graph)):
            raise FedH2LError(
                f"the graph has no peer {node!r}; its nodes are "
                f"{', '.join(sorted(map(str, self.graph)))}"
            )
        for node, neighbours in self.graph.items():
            for stranger in {node, *neighbours} - set(names):
                raise FedH2LError(
                    f"the graph says that {node!r} hears {sorted(map(str, neighbours))}, and "
                    f"{stranger!r} is no peer; the peers are {peers}"
                )

    def heard_by(self, peer: str, names: Collection[str]) -> list[str]:
        """The senders whom a peer hears."""
        if self.graph is None:
            return sorted(set(names) - {peer})
        if peer not in self.graph:
            raise FedH2LError(
                f"the graph has no peer {peer!r}; its nodes are {', '.join(sorted(self.graph))}"
            )
        among = names if isinstance(names, Mapping | set) else set(names)
        return sorted({name for name in self.graph[peer] if name in among and name != peer})

    def _receivers(self, names: Sequence[str], absent: set[str]) -> dict[str, list[str]]:
        """The peers for whom each sender puts a copy of its message on the network: copies that get
        lost count, and there is none while sender or receiver is absent.
        """
        among = set(names)
        receivers: dict[str, list[str]] = {name: [] for name in names}
        for me in names:
            if me in absent:
                continue
            for sender in self.heard_by(me, among):
                if sender not in absent:
                    receivers[sender].append(me)  # in order, as the names are
        return receivers

    def _faults(self, t: int, names: list[str]) -> tuple[set[tuple[str, str]], set[str]]:
        """The pairs (sender, receiver) whose message of round t gets lost, and the absent peers."""
        rng = np.random.default_rng([self.seed, t])
        order = rng.permutation(len(names))
        absent = {names[i] for i in order[max(1, round(self.participation * len(names))) :]}

        lost_links: set[tuple[str, str]] = set()
        if self.loss:
            for sender in names:  # a row at a time: all of them would be N² numbers
                is_lost = rng.random(len(names)) < self.loss
                lost_links |= {(sender, names[i]) for i in np.flatnonzero(is_lost)}
        return lost_links, absent
