"""How rows are dealt out: what a peer keeps, and what it gives to the seed set."""

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.data.domains import Domain, FederatedData
from fedh2l.error import FedH2LError
from fedh2l.rows import Rows
from fedh2l.seed_rows import UNLABELLED
from fedh2l.seedset import SeedSet
from fedh2l.stored_rows import picked

DIGITS = tuple("0123456789")


def federated(
    trains: dict[str, Rows],
    rest: dict[str, list[Rows]],
    seed_share: float,
    rng: np.random.Generator,
    *,
    labels: int | None = None,
) -> FederatedData:
    """Domains of handwritten digits with a seed set out of their training rows.

    rest: the validation rows and the test rows of each domain. labels: how many seed rows keep
    theirs; None: all.
    """
    private, (x, y, owners) = split_seeds(trains, seed_share, rng)
    missing = np.setdiff1d(np.arange(len(DIGITS)), y)
    if missing.size:
        raise FedH2LError(
            f"the seed set of {len(y)} rows has no {missing[0]}; it needs an example of every "
            "class: raise --seed-share or the number of rows"
        )
    seeds = SeedSet(x, DIGITS, y if labels is None else withheld(y, owners, labels), owners)
    return FederatedData({n: Domain(private[n], *rest[n]) for n in trains}, seeds)


def taken(rows: Rows, pick: np.ndarray) -> Rows:
    """The rows with these indices."""
    return picked(rows[0], pick), rows[1][pick]


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
        kept[name] = (picked(x, stays), y[stays])
        given.append((x[pick], y[pick], np.full(count, name)))
    x, y, owners = (np.concatenate(parts) for parts in zip(*given, strict=True))
    return kept, (x, y, owners)


def withheld(
    y: Int[np.ndarray, " rows"], owners: Shaped[np.ndarray, " rows"], labels: int
) -> Int[np.ndarray, " rows"]:
    """The labels of the first rows of each owner, as many of each as `labels` can be dealt out; the
    others are `UNLABELLED`.

    Raises FedH2LError where an owner has fewer rows.
    """
    kept = np.full(len(y), UNLABELLED)
    names = list(dict.fromkeys(owners.tolist()))
    for i, name in enumerate(names):
        count = labels // len(names) + (i < labels % len(names))
        rows = np.flatnonzero(owners == name)
        if count > len(rows):
            raise FedH2LError(
                f"{labels} seed labels are {count} for {name}, which gives {len(rows)} rows to the "
                "seed set; ask for fewer labels, or raise --seed-share"
            )
        kept[rows[:count]] = y[rows[:count]]
    return kept
