"""Who hears whom: the usual graphs by name, or any graph from a file of edges."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from fedh2l.error import FedH2LError, choose

Neighbours = dict[str, list[str]]
KINDS = ("full", "ring", "star", "regular")


def graph(kind: str, names: Sequence[str], *, degree: int = 3, seed: int = 0) -> Neighbours:
    """Each peer's neighbours in a graph over the peers' names: full, ring, star (round the first),
    random regular, or a file.

    A file has one edge per line: two names, apart by a space; '#' starts a comment.
    """
    n = len(names)
    if kind not in KINDS and Path(kind).is_file():
        return _from_file(kind, names)
    choose("graph (or file of edges)", kind, KINDS)
    if kind == "regular" and not (0 < degree < n and n * degree % 2 == 0):
        raise FedH2LError(
            f"no graph of {n} peers has degree {degree}: degree must be below the number of "
            "peers, their product even"
        )
    plain = {
        "full": lambda: nx.complete_graph(n),
        "ring": lambda: nx.cycle_graph(n),
        "star": lambda: nx.star_graph(n - 1),
        "regular": lambda: nx.random_regular_graph(degree, n, seed=seed),
    }[kind]()
    return _neighbours(nx.relabel_nodes(plain, dict(enumerate(names))))


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
