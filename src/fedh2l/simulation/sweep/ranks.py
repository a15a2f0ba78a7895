"""Average ranks over data sets and the critical difference between them (Demšar, "Statistical
comparisons of classifiers over multiple data sets", JMLR 7, 2006).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fedh2l.simulation.sweep.intervals import LEVEL, SMALL_IS_GOOD
from fedh2l.simulation.sweep.tables import CellLine, grouped

FEWEST_PLACES, FEWEST_METHODS = 5, 3


@dataclass(frozen=True)
class Ranks:
    """Average rank of each method over n data sets (in their settings), 1 the best; two methods
    whose ranks differ by less than `critical` cannot be told apart by the Nemenyi test.

    friedman: p that all methods are alike; where it is not small the diagram says nothing.
    """

    average: dict[str, float]  # the best first
    n: int
    critical: float
    friedman: float

    @property
    def alike(self) -> list[tuple[float, float]]:
        """The longest spans of ranks within which no two methods differ: the diagram's bars."""
        ranks = sorted(self.average.values())
        spans: list[tuple[float, float]] = []
        for first in ranks:
            last = max(r for r in ranks if r - first < self.critical)
            # One within another says nothing new.
            if last > first and not any(a <= first and last <= b for a, b in spans):
                spans.append((first, last))
        return spans


def ranks_of(
    cells: Sequence[CellLine], leave_out: Sequence[str] = (), measure: str = "all_domain"
) -> Ranks | None:
    """The ranks of all methods that were run everywhere, but for those to leave out (the bound);
    None with fewer than five data sets or three methods.
    """
    means = _means(cells, leave_out, measure)
    places = list(dict.fromkeys(names[1:] for names in means))
    methods = _everywhere(means, places)
    if len(places) < FEWEST_PLACES or len(methods) < FEWEST_METHODS:
        return None

    scores = np.array([[means[m, *place] for m in methods] for place in places])
    good_first = scores if measure in SMALL_IS_GOOD else -scores
    average = stats.rankdata(good_first, axis=1).mean(0)
    order = np.argsort(average, kind="stable")
    friedman = 1.0  # of methods that are equal everywhere the test has nothing to say
    if np.ptp(scores, axis=1).any():
        friedman = float(stats.friedmanchisquare(*scores.T).pvalue)
    return Ranks(
        {methods[i]: float(average[i]) for i in order},
        len(places),
        critical_difference(len(methods), len(places)),
        friedman,
    )


def _means(
    cells: Sequence[CellLine], leave_out: Sequence[str], measure: str
) -> dict[tuple[str, str, str], float]:
    means: dict[tuple[str, str, str], float] = {}
    for names, group in grouped(cells).items():
        if names[0] not in leave_out:
            means[names] = float(np.mean([getattr(cell, measure) for cell in group]))
    return means


def _everywhere(
    means: Mapping[tuple[str, str, str], float], places: Sequence[tuple[str, ...]]
) -> list[str]:
    """The methods that were run in every place: elsewhere one has no rank."""
    every = dict.fromkeys(names[0] for names in means)
    return [m for m in every if all((m, *place) in means for place in places)]


def critical_difference(methods: int, places: int) -> float:
    """Of the Nemenyi test at 5 %: q √(k (k + 1) / 6 N), with q of the studentized range over √2."""
    q = stats.studentized_range.ppf(1 - LEVEL, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * places)))
