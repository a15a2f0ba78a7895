"""The exchange of a simulation: every peer in this process, any graph, absent peers and lost
messages on request.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedh2l.delivery import Delivery, Outbox, to_everyone
from fedh2l.error import FedH2LError

Graph = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class InProcess:
    """The faults of round t depend on (seed, t) alone, so a resumed run meets the same absences as
    one that never stopped.
    """

    # Who hears whom, such as dict(networkx_graph.adjacency()), or a function from a round to that;
    # None: all.
    graph: Graph | Callable[[int], Graph] | None = None
    participation: float = 1.0  # share of the peers present in a round
    loss: float = 0.0  # probability that a message is lost on its way
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.participation <= 1 or not 0 <= self.loss < 1:
            raise FedH2LError(
                f"participation {self.participation} must be in (0, 1], loss {self.loss} in [0, 1)"
            )

    def __call__(self, t: int, outbox: Outbox) -> Delivery:
        graph = self.graph_of(t)
        names = sorted(outbox if graph is None else graph)
        lost_links, absent = self._faults(t, names)
        if not lost_links and not absent and (graph is None or _is_full(graph, outbox)):
            return to_everyone(t, outbox)
        inboxes = {
            me: {
                s: () if {s, me} & absent or (s, me) in lost_links else (outbox[s],)
                for s in heard_by(me, graph, outbox)
            }
            for me in outbox
        }
        return Delivery(inboxes, _receivers(names, graph, absent))

    @property
    def key_every(self) -> int | None:
        """Rounds from one key frame to the next, at the most; None: as usual. Peers that meet
        others in each round can only read key frames.
        """
        return 1 if callable(self.graph) else None

    def graph_of(self, t: int) -> Graph | None:
        """Who hears whom in round t; None: all."""
        return self.graph(t) if callable(self.graph) else self.graph

    def check_names(self, names: Sequence[str]) -> None:
        """Raise FedH2LError where the graph is not one over these peers."""
        graph, known = self.graph_of(0), set(names)
        if graph is None:
            return
        for node in sorted(known - set(graph)):
            raise FedH2LError(
                f"the graph has no peer {node!r}; its nodes are "
                f"{', '.join(sorted(map(str, graph)))}"
            )
        for node, neighbours in graph.items():
            for stranger in {node, *neighbours} - known:
                raise FedH2LError(
                    f"the graph says that {node!r} hears {sorted(map(str, neighbours))}, and "
                    f"{stranger!r} is no peer; the peers are {', '.join(sorted(names))}"
                )

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


def heard_by(me: str, graph: Graph | None, names: Collection[str]) -> list[str]:
    """The senders, among these, whom a peer hears."""
    if graph is None:
        return sorted(set(names) - {me})
    if me not in graph:
        raise FedH2LError(f"the graph has no peer {me!r}; its nodes are {', '.join(sorted(graph))}")
    return sorted({name for name in graph[me] if name in names and name != me})


def _is_full(graph: Graph, outbox: Outbox) -> bool:
    """Whether every peer of a graph hears all others, and all have something to say."""
    most = len(graph) - 1
    return len(outbox) == len(graph) and all(len(set(n)) == most for n in graph.values())


def _receivers(
    names: Sequence[str], graph: Graph | None, absent: Collection[str]
) -> dict[str, list[str]]:
    """The peers for whom each sender puts a copy of its message on the network: copies that get
    lost count, and there is none while sender or receiver is absent.
    """
    among = set(names)
    receivers: dict[str, list[str]] = {name: [] for name in names}
    for me in names:
        if me in absent:
            continue
        for sender in heard_by(me, graph, among):
            if sender not in absent:
                receivers[sender].append(me)  # in order, as the names are
    return receivers
