"""A data set that a function of the user's gives: rows of each domain, or the whole federation."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import FederatedData
from fedh2l.data.own_data import MIXED, MODELS
from fedh2l.data.own_rows import OwnRows, Stamp, stamp_of
from fedh2l.data.own_sites import peer_name, sites_of
from fedh2l.data.own_split import federation_of
from fedh2l.error import FedH2LError
from fedh2l.own_code import own_function
from fedh2l.rows import kind_of


@dataclass(frozen=True, kw_only=True)
class OwnFunction:
    """FILE.py:FUNCTION of one's own, which gives {domain: (x, y)} or a FederatedData. It is called
    with `domains` and `seed` where it takes them.

    Parameters
    ----------
    data
        The function.
    classes
        The classes in their order; by default what the labels say, sorted.
    domains
        How many peers, for a function that takes `domains`.
    seed_share
        Share of each peer's training rows that goes to the seed set, where the function leaves the
        split to others; by default a fifth, and at most 1000 rows in all.
    """

    rounds: ClassVar[int] = 24
    baselines: ClassVar[bool] = True

    data: str
    classes: tuple[str, ...] | None = None
    domains: int | None = bounded(None, least=1)
    seed_share: float | None = bounded(None, above=0, most=0.9)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def kind(self) -> str:
        try:
            given = self._given(self.domains, 0)
        except FedH2LError:
            # An isinstance asks for this: the refusal comes where the domains are asked for.
            return "numbers"
        if isinstance(given, FederatedData):
            return kind_of(given.seed_set.x)
        return kind_of(next(iter(given.values()))[0])

    @property
    def mixtures(self) -> bool:
        return self.kind in MIXED

    @property
    def models(self) -> tuple[str, ...]:
        return MODELS[self.kind]

    @property
    def held(self) -> int | None:
        """How many domains there are where nobody asks for a number."""
        return len(self.names(self.domains))

    def names(self, domains: int | None) -> list[str]:
        """The domains that the function gives."""
        given = self._given(domains, 0)
        names = list(given.domains if isinstance(given, FederatedData) else given)
        if domains is not None and len(names) != domains:
            raise FedH2LError(
                f"{self.data}: {domains} domains are asked for, and it gives {len(names)} "
                f"({', '.join(names[:5])} …); leave --domains out, or let the function take domains"
            )
        return names

    def load(self, domains: int, seed: int) -> FederatedData:
        """What the function gives for this seed; rows that it did not split are split like those
        of a file.
        """
        given = self._given(domains, seed)
        if isinstance(given, FederatedData):
            return given
        owner = np.repeat(list(given), [len(y) for _, y in given.values()])
        x = np.concatenate([x for x, _ in given.values()])
        y = np.concatenate([y for _, y in given.values()])
        rows = OwnRows(x, y, beside={"domain": owner})
        sites = sites_of(rows, self.data, domain="domain", classes=self.classes)
        return federation_of(sites, list(given), seed, self.seed_share)

    def _given(
        self, domains: int | None, seed: int
    ) -> FederatedData | dict[str, tuple[np.ndarray, np.ndarray]]:
        file = Path(self.data.rpartition(":")[0])
        stamp = stamp_of(file) if file.is_file() else None
        return _called(self.data, domains, seed, stamp)


@lru_cache(maxsize=2)  # its names, kind and rows are asked for one after another
def _called(where: str, domains: int | None, seed: int, _: Stamp | None) -> Any:
    function = own_function(where, "data", "nothing, or domains and seed")
    takes = inspect.signature(function).parameters
    offered = {"domains": domains, "seed": seed}
    given = function(**{name: value for name, value in offered.items() if name in takes})
    if isinstance(given, FederatedData):
        return given
    if not isinstance(given, Mapping) or not given:
        raise FedH2LError(
            f"{where} gives a {type(given).__name__}, expected {{domain: (x, y)}} or FederatedData"
        )
    return dict(
        _domain(where, name, rows) for name, rows in cast("Mapping[Any, Any]", given).items()
    )


def _domain(where: str, name: Any, rows: Any) -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    """The rows of one domain as arrays, as many labels as rows."""
    if not isinstance(rows, tuple | list) or len(cast("tuple[Any, ...]", rows)) != 2:
        raise FedH2LError(f"{where}: domain {name!r} is a {type(rows).__name__}, expected (x, y)")
    try:
        x, y = (np.asarray(part) for part in cast("tuple[Any, Any]", rows))
    except ValueError as error:
        raise FedH2LError(f"{where}: domain {name!r} is no arrays ({error})") from error
    if len(x) != len(y):
        raise FedH2LError(f"{where}: domain {name!r} has {len(x)} rows and {len(y)} labels")
    return peer_name(str(name)), (x, y)
