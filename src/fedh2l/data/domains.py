"""Federated data: each peer's domain in three disjoint parts, and the seed set that all of them
share.
"""

import hashlib
from dataclasses import Field, dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from fedh2l.error import FedH2LError
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from fedh2l.stored_rows import joined, row_bytes

BLOCK = 16 * 2**20  # bytes of rows that are copied at a time


class Domain(NamedTuple):
    """One peer's distribution. Choose on `validation`; report `test`."""

    train: Rows
    validation: Rows
    test: Rows


@dataclass(frozen=True)
class FederatedData:
    domains: dict[str, Domain]  # by the name of the peer that lives there
    seed_set: SeedSet
    # What was inferred and left out, in sentences, for people to read before the first round.
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        return len(self.seed_set.classes)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over every row of every part, and the seed set: what a run began with."""
        sha = hashlib.sha256(self.seed_set.digest.encode())
        for name, domain in self.domains.items():
            for array in (a for part in domain for a in part):
                sha.update(f"{name} {array.dtype.descr} {array.shape}".encode())
                step = max(1, BLOCK // row_bytes(array))
                for start in range(0, len(array), step):
                    sha.update(np.ascontiguousarray(array[start : start + step]).tobytes())
        return sha.hexdigest()

    def pooled(self, labelled: bool) -> Rows:
        """All private rows in one place, with the seed rows that are labelled: what nobody has, and
        the bound.

        labelled: whether the seed labels are known.
        """
        parts = [d.train for d in self.domains.values()]
        if labelled and self.seed_set.labels is not None:
            known = self.seed_set.labelled
            parts.append((self.seed_set.x[known], self.seed_set.labels[known]))
        return joined([x for x, _ in parts]), np.concatenate([y for _, y in parts])


@runtime_checkable
class DataSet(Protocol):
    """What `DATASETS` holds: a frozen dataclass whose fields are the flags of the data set.

    It says what an experiment on it takes where nobody says anything else. It may have `held`, how
    many domains the data have of themselves, and `data`, the user's file that it reads.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    rounds: ClassVar[int]
    baselines: ClassVar[bool]  # run alone, seed-only and pooled as well

    @property
    def models(self) -> tuple[str, ...]:
        """Dealt out to the peers in turn where nobody names others."""
        ...

    @property
    def kind(self) -> str:
        """What a row is, as `rows.kind_of` says: views can be taken of images, tables and texts,
        and mixtures of vectors too.
        """
        ...

    @property
    def mixtures(self) -> bool:
        """Whether to ask about mixtures of two seed examples as well."""
        ...

    @property
    def domains(self) -> int | None:
        """How many domains, each with a peer of its own.

        None: as many as the data have of themselves (`held`), else as many as models are named; of
        one model named alone as many peers as this data set has `models`.
        """
        ...

    def names(self, domains: int) -> list[str]:
        """The names of the domains, which are those of their peers; no data is read for it."""
        ...

    def load(self, domains: int, seed: int) -> FederatedData:
        """As many domains, dealt out by `seed`: the same to the bit wherever it is called.

        Raises FedH2LError where the data do not suffice, or cannot be read.
        """
        ...


def check_domains(domains: int, most: int, why: str) -> None:
    """Refuse a number of domains which the data do not have; `why`: what limits it."""
    if not 1 <= domains <= most:
        raise FedH2LError(f"{domains} domains; there can be 1 to {most}: {why}")
