"""The exchange of a simulation: every peer in this process, any graph, absent peers and lost
messages on request.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedh2l.delivery import Delivery, Outbox
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
        return sorted(set(self.graph[peer]) & set(names) - {peer})

    def _receivers(self, names: Sequence[str], absent: set[str]) -> dict[str, list[str]]:
        """The peers for whom each sender puts a copy of its message on the network: copies that get
        lost count, and there is none while sender or receiver is absent.
        """
        hears = {me: self.heard_by(me, names) for me in names if me not in absent}
        return {
            s: [] if s in absent else sorted(me for me in hears if s in hears[me]) for s in names
        }

    def _faults(self, t: int, names: list[str]) -> tuple[set[tuple[str, str]], set[str]]:
        """The pairs (sender, receiver) whose message of round t gets lost, and the absent peers."""
        rng = np.random.default_rng([self.seed, t])
        present = rng.permutation(len(names))[: max(1, round(self.participation * len(names)))]
        absent = {name for i, name in enumerate(names) if i not in present}

        is_lost = rng.random((len(names), len(names))) < self.loss
        lost_links = {(names[i], names[j]) for i, j in np.argwhere(is_lost)}
        return lost_links, absent
