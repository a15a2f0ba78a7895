"""The graph of the peers, which says who hears whom: the usual ones by name, or any from a file of
edges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fedh2l.choices import Choices
from fedh2l.delivery import all_others
from fedh2l.error import FedH2LError

Neighbours = Mapping[str, Sequence[str]]
# Between the peers of these names, with the degree and the seed of a random graph.
Build = Callable[[Sequence[str], int, int], "Neighbours | Gossip"]
GRAPHS: Choices[Build] = Choices(
    "graph (or file of edges)",
    {
        "full": "fedh2l.exchange.graph:full",
        "ring": "fedh2l.exchange.graph:ring",
        "star": "fedh2l.exchange.graph:star",
        "regular": "fedh2l.exchange.graph:regular",
        "small-world": "fedh2l.exchange.graph:small_world",
        "clusters": "fedh2l.exchange.graph:clusters",
        "gossip": "fedh2l.exchange.graph:Gossip",
    },
)
OF_A_DEGREE = ("regular", "small-world", "clusters")
REWIRED = 0.1  # of the edges of a small world


@dataclass(frozen=True)
class Gossip:
    """Two by two, drawn afresh in each round; of an odd number of peers one is left alone."""

    names: Sequence[str]
    degree: int = 1  # has no meaning here
    seed: int = 0

    def __call__(self, t: int) -> Neighbours:
        """The pairs of round t: a pure function of the seed and t."""
        order = np.random.default_rng([self.seed, t]).permutation(len(self.names))
        mixed: list[str] = [self.names[int(i)] for i in order]
        hears: dict[str, list[str]] = {name: [] for name in sorted(self.names)}
        for one, other in zip(mixed[::2], mixed[1::2], strict=False):
            hears[one], hears[other] = [other], [one]
        return hears


def full(names: Sequence[str], degree: int, seed: int) -> Neighbours:
    """Every peer hears all others."""
    return all_others(tuple(sorted(names)))


def ring(names: Sequence[str], degree: int, seed: int) -> Neighbours:
    """Every peer hears the two beside it."""
    return _joined(names, [(i, i + 1) for i in range(len(names))])


def star(names: Sequence[str], degree: int, seed: int) -> Neighbours:
    """The first peer hears all others, and these hear the first."""
    return _joined(names, [(0, i) for i in range(1, len(names))])


def regular(names: Sequence[str], degree: int, seed: int) -> Neighbours:
    """Every peer hears `degree` others, drawn at random."""
    import networkx as nx

    peers = len(names)
    if not (0 < degree < peers and peers * degree % 2 == 0):
        raise FedH2LError(
            f"no graph of {peers} peers has degree {degree}: degree must be below the number of "
            "peers, their product even"
        )
    return _joined(names, nx.random_regular_graph(degree, peers, seed=seed).edges)


def small_world(names: Sequence[str], degree: int, seed: int) -> Neighbours:
    """Every peer hears the `degree` nearest ones on a ring; a tenth of the edges lead anywhere
    instead (Watts and Strogatz 1998), but never so that the graph falls apart.
    """
    import networkx as nx

    if degree % 2 or not 2 <= degree < len(names):
        raise FedH2LError(
            f"a small world of {len(names)} peers cannot have degree {degree}: as many neighbours "
            "to either side, so an even degree of at least 2, below the number of peers"
        )
    drawn = nx.connected_watts_strogatz_graph(len(names), degree, REWIRED, tries=1000, seed=seed)
    return _joined(names, drawn.edges)


def clusters(names: Sequence[str], degree: int, seed: int) -> Neighbours:
    """Groups of `degree` + 1 peers that follow one another in the list: all of a group hear each
    other, and its first peer hears the first ones of the groups beside it.
    """
    size = degree + 1
    firsts = list(range(0, len(names), size))
    edges = [(i, j) for a in firsts for i in range(a, a + size) for j in range(i + 1, a + size)]
    inside = [(i, j) for i, j in edges if j < len(names)]
    between = list(zip(firsts, [*firsts[1:], 0], strict=True))
    return _joined(names, inside + between)


def graph(
    kind: str, names: Sequence[str], *, degree: int = 3, seed: int = 0
) -> "Neighbours | Gossip":
    """Each peer's neighbours in a graph over the peers' names: one of `GRAPHS`, or a file.

    A file has one edge per line: two names, apart by a space; '#' starts a comment.
    """
    if kind not in GRAPHS and Path(kind).is_file():
        return _from_file(kind, names)
    return GRAPHS[kind](names, degree, seed)


def _from_file(path: str, names: Sequence[str]) -> Neighbours:
    import networkx as nx

    try:
        edges = nx.read_edgelist(path)
    except (UnicodeDecodeError, TypeError, nx.NetworkXError) as error:
        raise FedH2LError(
            f"{path}: not a file of edges ({error}); write one edge per line: two peer names and "
            "a space"
        ) from error
    if strange := sorted(set(edges) - set(names)):
        raise FedH2LError(f"{path}: unknown peer {strange[0]!r}; the peers are {', '.join(names)}")
    place = {name: i for i, name in enumerate(names)}
    return _joined(names, [(place[a], place[b]) for a, b in edges.edges])


def _joined(names: Sequence[str], edges: Any) -> Neighbours:
    """Each peer's neighbours by name, in order; an edge of a peer with itself is none."""
    hears: dict[str, set[str]] = {name: set() for name in names}
    for i, j in edges:
        one, other = names[int(i) % len(names)], names[int(j) % len(names)]
        if one != other:
            hears[one].add(other)
            hears[other].add(one)
    return {name: sorted(others) for name, others in hears.items()}
