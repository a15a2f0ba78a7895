"""Intervals of means over seeds, and which method is the best beyond doubt."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from fedh2l.simulation.sweep.tables import CellLine, grouped

LEVEL = 0.05  # of significance; an interval holds the mean in 95 of 100 cases
SMALL_IS_GOOD = ("ece", "nll")


def half_interval(values: np.ndarray) -> float | None:
    """Half of the 95 % interval of the mean, by Student's t; None of a single value."""
    n = len(values)
    if n < 2:
        return None
    return float(stats.t.ppf(1 - LEVEL / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))


def clearly_best(
    cells: Sequence[CellLine], bounds: Sequence[str] = (), measure: str = "all_domain"
) -> set[tuple[str, str, str]]:
    """The groups that are the best of their data set and setting, where their 95 % interval
    overlaps no other's: only these may be printed bold.

    bounds: methods that are no candidates, such as pooled, which has what nobody has.
    """
    places: dict[tuple[str, ...], dict[tuple[str, str, str], tuple[float, float] | None]] = {}
    for names, group in grouped(cells).items():
        if names[0] not in bounds:
            values = np.array([getattr(cell, measure) for cell in group])
            places.setdefault(names[1:], {})[names] = _interval(values)

    best: set[tuple[str, str, str]] = set()
    for intervals in places.values():
        known = {names: its for names, its in intervals.items() if its is not None}
        # Of one seed there is no interval, so nothing can be said of anybody.
        if len(known) == len(intervals) > 1:
            best |= _first(known, small_is_good=measure in SMALL_IS_GOOD)
    return best


def _interval(values: np.ndarray) -> tuple[float, float] | None:
    half, mean = half_interval(values), float(values.mean())
    return None if half is None else (mean - half, mean + half)


def _first(
    intervals: dict[tuple[str, str, str], tuple[float, float]], *, small_is_good: bool
) -> set[tuple[str, str, str]]:
    """The one whose interval lies wholly on the good side of all others', if there is one."""
    turned = {
        n: (-high, -low) if small_is_good else (low, high) for n, (low, high) in intervals.items()
    }
    best = max(turned, key=lambda names: turned[names][0])
    others = [high for names, (_, high) in turned.items() if names != best]
    return {best} if turned[best][0] > max(others) else set()
