"""How rows are dealt out: what a peer keeps, and what it gives to the seed set."""

import numpy as np

from fedh2l.rows import Rows


def split_seeds(
    trains: dict[str, Rows], share: float, rng: np.random.Generator
) -> tuple[dict[str, Rows], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Take `share` of each peer's rows out of its private data: (what stays private, (x, labels,
    owners) of the seed set).

    As many of each class as the peer's rows allow, so that every class has its examples; at least
    one row per peer.
    """
    kept: dict[str, Rows] = {}
    given: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for name, (x, y) in trains.items():
        count = max(1, round(share * len(y)))
        order = rng.permutation(len(y))
        turn = np.empty(len(y), np.int64)  # how many of the same class come before
        for c in np.unique(y):
            turn[order[y[order] == c]] = np.arange((y == c).sum())
        pick = order[np.argsort(turn[order], kind="stable")][:count]
        stays = np.setdiff1d(np.arange(len(y)), pick)
        kept[name] = (x[stays], y[stays])
        given.append((x[pick], y[pick], np.full(count, name)))
    x, y, owners = (np.concatenate(parts) for parts in zip(*given, strict=True))
    return kept, (x, y, owners)
