"""The graph of the peers, which says who hears whom: the usual ones by name, or any from a file of
edges.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from fedh2l.choices import Choices
from fedh2l.error import FedH2LError

Neighbours = dict[str, list[str]]
# The edges among so many peers, with the degree and the seed of a random graph.
Build = Callable[[int, int, int], Any]
GRAPHS: Choices[Build] = Choices(
    "graph (or file of edges)",
    {
        "full": "fedh2l.exchange.graph:full",
        "ring": "fedh2l.exchange.graph:ring",
        "star": "fedh2l.exchange.graph:star",
        "regular": "fedh2l.exchange.graph:regular",
    },
)


def full(peers: int, degree: int, seed: int) -> Any:
    """Every peer hears all others."""
    return nx.complete_graph(peers)


def ring(peers: int, degree: int, seed: int) -> Any:
    """Every peer hears the two beside it."""
    return nx.cycle_graph(peers)


def star(peers: int, degree: int, seed: int) -> Any:
    """The first peer hears all others, and these hear the first."""
    return nx.star_graph(peers - 1)


def regular(peers: int, degree: int, seed: int) -> Any:
    """Every peer hears `degree` others, drawn at random."""
    if not (0 < degree < peers and peers * degree % 2 == 0):
        raise FedH2LError(
            f"no graph of {peers} peers has degree {degree}: degree must be below the number of "
            "peers, their product even"
        )
    return nx.random_regular_graph(degree, peers, seed=seed)


def graph(kind: str, names: Sequence[str], *, degree: int = 3, seed: int = 0) -> Neighbours:
    """Each peer's neighbours in a graph over the peers' names: one of `GRAPHS`, or a file.

    A file has one edge per line: two names, apart by a space; '#' starts a comment.
    """
    if kind not in GRAPHS and Path(kind).is_file():
        return _from_file(kind, names)
    edges = GRAPHS[kind](len(names), degree, seed)
    return _neighbours(nx.relabel_nodes(edges, dict(enumerate(names))))


def _from_file(path: str, names: Sequence[str]) -> Neighbours:
    try:
        edges = nx.read_edgelist(path)
    except (UnicodeDecodeError, TypeError, nx.NetworkXError) as error:
        raise FedH2LError(
            f"{path}: not a file of edges ({error}); write one edge per line: two peer names and "
            "a space"
        ) from error
    if strange := sorted(set(edges) - set(names)):
        raise FedH2LError(f"{path}: unknown peer {strange[0]!r}; the peers are {', '.join(names)}")
    edges.add_nodes_from(names)
    return _neighbours(edges)


def _neighbours(graph: Any) -> Neighbours:
    return {str(node): sorted(graph[node]) for node in graph}
