"""Federated data: each peer's domain in three disjoint parts, and the seed set that all of them
share.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fedh2l.learners.rows import Rows
from fedh2l.seedset import SeedSet


class Domain(NamedTuple):
    """One peer's distribution. Choose on `validation`; report `test`."""

    train: Rows
    validation: Rows
    test: Rows


@dataclass(frozen=True)
class FederatedData:
    domains: dict[str, Domain]  # by the name of the peer that lives there
    seed_set: SeedSet

    @property
    def classes(self) -> int:
        return len(self.seed_set.classes)

    def pooled(self, labelled: bool) -> Rows:
        """All private rows in one place, with the seed rows if these are labelled: what nobody has,
        and the bound.
        """
        parts = [d.train for d in self.domains.values()]
        if labelled and self.seed_set.labels is not None:
            parts.append((self.seed_set.x, self.seed_set.labels))
        return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


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
