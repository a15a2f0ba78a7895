"""Whether the columns of two tables mean the same: their units, and the words for categories."""

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.tables import Table, as_numbers, categories_of, is_text, names_of

OTHER_UNIT = 30  # times as large as the seed rows' column, or as small
UNSEEN = 0.5  # share of the private rows whose category the seed rows do not know


def compare_columns(private: Table, seeds: Table) -> list[str]:
    """What is likely wrong between tables of the same columns, a sentence for each column."""
    doubts: list[str] = []
    for name in names_of(seeds):
        compare = _categories if is_text(seeds, name) else _units
        doubts += compare(name, private[name], seeds[name])
    return doubts


def filled_numbers(
    private: Table, seeds: Table
) -> tuple[Float[np.ndarray, "rows features"], Float[np.ndarray, "seeds features"]]:
    """Both as numbers, with what is missing at the seed rows' mean."""
    a, b = as_numbers(private, seeds), as_numbers(seeds, seeds)
    known = np.isfinite(b)
    means = np.where(known, b, 0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(np.isfinite(a), a, means), np.where(known, b, means)


def other_unit(a: float, b: float) -> bool:
    """Whether two sizes are too far apart for one unit; 0 and what is unknown tell nothing."""
    small, large = sorted((a, b))
    return small > 0 and large / small >= OTHER_UNIT


def _units(
    name: str, private: Float[np.ndarray, " rows"], seeds: Float[np.ndarray, " seeds"]
) -> list[str]:
    x, s = private[np.isfinite(private)], seeds[np.isfinite(seeds)]
    if not len(x) or not len(s):
        return []
    middle, low, high = float(np.median(x)), float(s.min()), float(s.max())
    reach = 3 * (high - low)
    outside = reach > 0 and not low - reach <= middle <= high + reach
    sizes = (float(np.quantile(np.abs(rows), 0.95)) for rows in (x, s))
    if not outside and not other_unit(*sizes):
        return []
    return [
        f"column {name!r} is about {middle:g} in the private rows and from {low:g} to {high:g} in "
        "the seed rows: they seem to be in other units; prepare both alike"
    ]


def _categories(
    name: str, private: Shaped[np.ndarray, " rows"], seeds: Shaped[np.ndarray, " seeds"]
) -> list[str]:
    x, known = private[private != ""], categories_of(seeds)
    unseen = x[~np.isin(x, known)]
    if not len(known) or len(unseen) <= UNSEEN * len(x):
        return []
    return [
        f"column {name!r} is {str(unseen[0])!r} and the like in {len(unseen)} of {len(private)} "
        f"private rows, which no seed row is; the seed rows say {', '.join(known[:5])}: write both "
        "alike"
    ]
