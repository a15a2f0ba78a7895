"""Whether one method is better than another: paired tests over seeds and over data sets, corrected
for how many comparisons are made.

Seeds of one data set share its rows, so a test over seeds says that the difference is not the
luck of a seed; it does not say that it holds on other data. For that is the test over data sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean
from typing import Literal

import numpy as np
from scipy import stats

from fedh2l.error import choose
from fedh2l.simulation.sweep.intervals import LEVEL, SMALL_IS_GOOD, half_interval
from fedh2l.simulation.sweep.tables import CellLine

EVERYWHERE = "all data sets"  # the place of a test over data sets
ROUNDING = 1e-9  # a spread below is that of floats and not of results: no row weighs so little
FEWEST = 3  # seeds for a t test: of two, one outlier is half of what there is
MEASURES = ("all_domain", "own", "worst_domain", "ece", "nll")
Test = Literal["t", "wilcoxon"]


@dataclass(frozen=True)
class Comparison:
    """A method against another in one place: a data set in a setting, or all of them.

    n: pairs (seeds, or data sets). difference: the mean of method minus against; low, high: its
    95 % interval. p_holm: p corrected for all comparisons of the table (Holm 1979). verdict:
    better, worse, no difference shown, or why n is too small to say anything.
    """

    data: str
    setting: str
    method: str
    against: str
    measure: str
    n: int
    difference: float
    low: float | None
    high: float | None
    test: str
    p: float | None
    p_holm: float | None
    verdict: str


def compared(
    cells: Sequence[CellLine],
    against: str | None = None,
    *,
    measure: str = "all_domain",
    test: Test = "t",
) -> list[Comparison]:
    """Every method against one of them (by default the first), in each data set and setting and,
    where there are several, over all of them; corrected together.

    against: a method, or "all": every pair. test: the paired t test or Wilcoxon's signed ranks over
    seeds; over data sets it is always Wilcoxon's (Demšar 2006).
    """
    choose("measure", measure, MEASURES)
    places = list(dict.fromkeys((cell.data, cell.setting) for cell in cells))
    found: list[Comparison] = []
    # Of each pair of methods the means in every data set, one for each of its settings.
    means: dict[tuple[str, str], dict[str, list[float]]] = {}
    for method, reference in _pairs(cells, against):
        for place in places:
            differences = paired(cells, place, method, reference, measure)
            if len(differences):
                found.append(_compare(place, method, reference, measure, differences, test))
                of_pair = means.setdefault((method, reference), {})
                of_pair.setdefault(place[0], []).append(float(differences.mean()))
    for pair, of_data in means.items():
        if len(of_data) > 1:
            differences = np.array([fmean(values) for values in of_data.values()])
            found.append(_compare((EVERYWHERE, ""), *pair, measure, differences, "wilcoxon"))
    return corrected(found)


def _pairs(cells: Sequence[CellLine], against: str | None) -> list[tuple[str, str]]:
    """(method, what it is compared with)."""
    methods = list(dict.fromkeys(cell.algorithm for cell in cells))
    if against == "all":
        return [(second, first) for first, second in combinations(methods, 2)]
    if against is not None:
        choose("method to compare with", against, methods)
    reference = against or methods[0]
    return [(method, reference) for method in methods if method != reference]


def paired(
    cells: Sequence[CellLine], place: tuple[str, str], method: str, reference: str, measure: str
) -> np.ndarray:
    """Method minus reference on each seed that both have."""
    by_seed: dict[str, dict[int, float]] = {method: {}, reference: {}}
    for cell in cells:
        if (cell.data, cell.setting) == place and cell.algorithm in by_seed:
            by_seed[cell.algorithm][cell.seed] = getattr(cell, measure)
    both = sorted(set(by_seed[method]) & set(by_seed[reference]))
    return np.array([by_seed[method][seed] - by_seed[reference][seed] for seed in both])


def _compare(
    place: tuple[str, str],
    method: str,
    reference: str,
    measure: str,
    differences: np.ndarray,
    test: Test,
) -> Comparison:
    p, reason = p_value(differences, test)
    half = half_interval(differences)
    mean = float(differences.mean())
    return Comparison(
        *place,
        method,
        reference,
        measure,
        n=len(differences),
        difference=mean,
        low=None if half is None else mean - half,
        high=None if half is None else mean + half,
        test=test,
        p=p,
        p_holm=None,
        verdict=reason,
    )


def p_value(differences: np.ndarray, test: Test) -> tuple[float | None, str]:
    """The two-sided p that the differences are around 0, or None with the reason why n is too
    small for one.
    """
    n = len(differences)
    if test == "wilcoxon":
        # The smallest p that n differences can give at all is 2/2ⁿ.
        fewest = int(np.ceil(np.log2(2 / LEVEL)))
        if n < fewest:
            return None, f"too few to say: n = {n}, Wilcoxon's test needs {fewest}"
        if not differences.any():
            return 1.0, ""
        return float(stats.wilcoxon(differences).pvalue), ""
    if n < FEWEST:
        return None, f"too few to say: n = {n}, needs {FEWEST}"
    if np.ptp(differences) < ROUNDING:
        # Without spread there is no t; of equal methods, which share a cell, there is no doubt.
        equal = abs(differences[0]) < ROUNDING
        return (1.0, "") if equal else (None, "no spread to judge by")
    return float(stats.ttest_1samp(differences, 0.0).pvalue), ""


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's p of all of them together, and a verdict for each."""
    known = [c.p for c in comparisons if c.p is not None]
    adjusted = iter(holm(known))
    return [c if c.p is None else _judged(c, next(adjusted)) for c in comparisons]


def _judged(comparison: Comparison, p: float) -> Comparison:
    is_more = (comparison.difference > 0) != (comparison.measure in SMALL_IS_GOOD)
    verdict = "better" if is_more else "worse"
    return replace(comparison, p_holm=p, verdict=verdict if p < LEVEL else "no difference shown")


def holm(values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values (Scandinavian Journal of Statistics 6, 1979): the
    smallest is multiplied by how many there are, the next by one less, and none is below the one
    before.
    """
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, i in enumerate(np.argsort(values, kind="stable")):
        largest = max(largest, min(1.0, (len(values) - rank) * values[i]))
        adjusted[i] = largest
    return adjusted
