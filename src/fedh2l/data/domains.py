"""Federated data: each peer's domain in three disjoint parts, and the seed set that all of them
share.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fedh2l.rows import Rows
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
