"""One seed set of what each contributor gives: joined by name, or refused where it does not fit."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from fedh2l.data.labels import MISSING, agreed_classes, check_none_missing, class_names
from fedh2l.data.own_rows import OwnRows
from fedh2l.error import FedH2LError
from fedh2l.rows import kind_of
from fedh2l.seed_rows import UNLABELLED
from fedh2l.seedset import SeedSet
from fedh2l.tables import checked_columns

# Two contributors whose largest values differ by more than this use two units: 0..1 and 0..255.
UNLIKE_SCALES = 16


def seed_set_of(
    sources: Mapping[str, OwnRows],
    classes: Sequence[str] | None,
    *,
    labelled: bool,
    gaps: bool,
    per_class: int | None,
    **views: Any,
) -> SeedSet:
    """One seed set; `sources` by the name of the contributor, which becomes the rows' owner.

    Without `classes` they are what the labels say, in sorted order. A contributor may have no
    labels at all where another one has; with `gaps` a row here and there may have none, too.
    """
    x = _joined(sources)
    owners = np.repeat(list(sources), [len(rows) for rows in sources.values()])
    labels: np.ndarray | None = None

    # Labels that are withheld are still needed to know the classes, or to count their rows.
    if labelled or not classes or per_class is not None:
        of_sources = _names(sources)
        if labelled and not gaps:
            _check_gaps(of_sources)
        names = np.concatenate(list(of_sources.values()))
        classes = agreed_classes(of_sources, classes)
        if per_class is not None:
            pick = _evenly(names, owners, classes, per_class)
            x, names, owners = x[pick], names[pick], owners[pick]
        labels = _indices(names, classes) if labelled else None
    several = len(sources) > 1
    return SeedSet(x, tuple(classes), labels, owners if several else None, **views)


def in_order(rows: OwnRows, columns: Sequence[str], source: str, of: str) -> np.ndarray:
    """The features of a table in the order of `columns`, by their names."""
    if rows.columns is None or rows.columns == tuple(columns):
        return rows.array(source)
    unlike = sorted(set(rows.columns) ^ set(columns))
    if unlike:
        raise FedH2LError(
            f"{source}: column {unlike[0]!r} is not in both, {source} and {of}; every table needs "
            "the same columns"
        )
    x = rows.array(source)
    if kind_of(x) == "table":
        return x[list(columns)]
    return x[:, [rows.columns.index(c) for c in columns]]


def _joined(sources: Mapping[str, OwnRows]) -> np.ndarray:
    _check_alike("kinds", {name: kind_of(rows.x) for name, rows in sources.items()})
    parts = _in_one_order(sources)
    _check_alike("shapes", {name: str(x.shape[1:]) for name, x in parts.items()})
    _check_scales(sources)

    rows = list(parts.values())
    if kind_of(rows[0]) == "table":
        for name, x in parts.items():
            checked_columns(x, rows[0], f"{name}: its rows")
    return rows[0] if len(rows) == 1 else np.concatenate(rows)


def _in_one_order(sources: Mapping[str, OwnRows]) -> dict[str, np.ndarray]:
    """The rows of each, tables with the columns in the first one's order."""
    tables = {name: rows for name, rows in sources.items() if rows.columns is not None}
    first = next(iter(tables), None)
    columns = () if first is None else tables[first].columns or ()
    return {name: in_order(rows, columns, name, str(first)) for name, rows in sources.items()}


def _check_alike(what: str, found: Mapping[str, str]) -> None:
    if len(set(found.values())) > 1:
        raise FedH2LError(
            f"rows of unlike {what}: {', '.join(f'{n} {k}' for n, k in found.items())}; every "
            "contributor needs the same"
        )


def _check_scales(sources: Mapping[str, OwnRows]) -> None:
    """Refuse values of 0..1 beside values of 0..255: a model would take them for two things."""
    numbers = {
        n: rows.array(n) for n, rows in sources.items() if kind_of(rows.x) not in ("table", "text")
    }
    for (a, x_a), (b, x_b) in combinations(numbers.items(), 2):
        most_a, most_b = (max(abs(float(x.min())), float(x.max())) for x in (x_a, x_b))
        small, large = sorted((most_a, most_b))
        # Tables may differ in their largest value; that one of them is scaled is seen by its 1.
        scaled = small <= 1 or x_a.ndim > 2
        if scaled and 0 < small * UNLIKE_SCALES < large:
            raise FedH2LError(
                f"{a} has values up to {most_a:g}, {b} up to {most_b:g}; scale one as the other "
                "is scaled"
            )


def _names(sources: Mapping[str, OwnRows]) -> dict[str, np.ndarray]:
    """The names of the classes by source; nothing but `MISSING` where a source has no labels."""
    if all(rows.y is None for rows in sources.values()):
        raise FedH2LError(
            f"{next(iter(sources))}: no labels (y), or no column of them; give labels, or "
            "--unlabelled and --classes"
        )
    names: dict[str, np.ndarray] = {}
    for name, rows in sources.items():
        nothing = np.full(len(rows), MISSING)
        names[name] = nothing if rows.y is None else class_names(rows.y, name, len(rows))
    return names


def _check_gaps(names: Mapping[str, np.ndarray]) -> None:
    """A missing label among others is thought a mistake; a source without any is not."""
    check_none_missing({source: n for source, n in names.items() if (n != MISSING).any()})


def _indices(names: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    return np.array([UNLABELLED if n == MISSING else classes.index(n) for n in names])


def _evenly(
    names: np.ndarray, owners: np.ndarray, classes: Sequence[str], per_class: int
) -> np.ndarray:
    """The first `per_class` rows of each class, taken from the contributors in turn, and all that
    have no label.
    """
    if per_class < 1:
        raise FedH2LError(f"--per-class is {per_class}; it must be 1 or more")
    picks: list[np.ndarray] = []
    for name in classes:
        of_class = np.flatnonzero((names == name) & (names != MISSING))
        turn = np.empty(len(of_class), np.int64)  # how many of the same owner come before
        for owner in np.unique(owners[of_class]):
            own = np.flatnonzero(owners[of_class] == owner)
            turn[own] = np.arange(len(own))
        picks.append(of_class[np.argsort(turn, kind="stable")][:per_class])
    picks.append(np.flatnonzero(names == MISSING))
    return np.sort(np.concatenate(picks))
