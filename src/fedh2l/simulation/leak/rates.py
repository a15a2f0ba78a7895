"""How well scores tell members from others: rates, areas and bounds, each with its interval."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

FALSE_ALARMS = (0.01, 0.001)  # rates at which hits are told
DRAWS = 400  # of the bootstrap
LEVEL = 0.95
Scores = Float[np.ndarray, "worlds rows"]
Members = Bool[np.ndarray, "worlds rows"]


class Rate(NamedTuple):
    """A share with its interval of 95 %."""

    value: float
    low: float
    high: float


def hits_at(scores: Scores, members: Members, false_alarms: float) -> Rate | None:
    """The share of members whose score is above a threshold that at most `false_alarms` of the
    others exceed; the interval is Clopper's and Pearson's.

    None where there are too few others for such a rate.
    """
    others = np.sort(scores[~members])
    allowed = int(false_alarms * len(others))
    if not allowed:
        return None
    threshold = others[len(others) - allowed - 1]  # so many are above it
    found = scores[members] > threshold
    low, high = clopper_pearson(int(found.sum()), len(found))
    return Rate(float(found.mean()), low, high)


def area(scores: Scores, members: Members) -> Rate:
    """The area under the ROC curve: how often a member's score is above another row's. The interval
    is of a bootstrap over pairs of worlds and over rows at once, for neither guesses of one world
    nor guesses about one row are independent.
    """
    pairs = np.arange(len(scores) // 2)
    rng = np.random.default_rng(0)
    values: list[float] = []
    for _ in range(DRAWS):
        drawn = rng.choice(pairs, len(pairs))
        worlds = np.concatenate([2 * drawn, 2 * drawn + 1])[:, None]
        rows = rng.integers(0, scores.shape[1], scores.shape[1])
        values.append(_area(scores[worlds, rows], members[worlds, rows]))
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Rate(_area(scores, members), float(low), float(high))


def _area(scores: Scores, members: Members) -> float:
    ranks = stats.rankdata(scores[members | ~members])
    inside = members.ravel()
    count, others = int(inside.sum()), int((~inside).sum())
    return float((ranks[inside].sum() - count * (count + 1) / 2) / (count * others))


def clopper_pearson(found: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact two-sided interval of a binomial share."""
    interval = stats.binomtest(found, of).proportion_ci(level, "exact")
    return float(interval.low), float(interval.high)


def epsilon_at_least(scores: Scores, members: Members, delta: float = 0.0) -> float:
    """What ε must be at least where the guesses are so good, by the bounds of Jagielski, Ullman and
    Oprea (arXiv:2006.07709): an (ε, δ) guarantee has TPR ≤ e^ε·FPR + δ, and TNR ≤ e^ε·FNR + δ.

    The threshold is chosen on one half of the pairs of worlds, and judged on the other, so that the
    choice costs no confidence: 95 %, as far as rows of one world are independent.
    """
    judged = np.arange(len(scores)) // 2 % 2 == 1
    thresholds = np.unique(np.quantile(scores[~judged], np.linspace(0.002, 0.998, 250)))
    choices = [
        (_bound(scores[~judged], members[~judged], threshold, is_above, delta), threshold, is_above)
        for threshold in thresholds
        for is_above in (True, False)
    ]
    _, threshold, is_above = max(choices)
    return max(0.0, _bound(scores[judged], members[judged], threshold, is_above, delta))


def _bound(
    scores: Scores, members: Members, threshold: float, is_above: bool, delta: float
) -> float:
    """The least ε of one test: "above the threshold are members", or "below it are others"."""
    named = scores > threshold if is_above else scores <= threshold
    sought = members if is_above else ~members
    right, wrong = named[sought], named[~sought]
    # Both bounds hold together with 95 %.
    level = 1 - (1 - LEVEL) / 2
    low = stats.beta.ppf(1 - level, right.sum(), right.size - right.sum() + 1) if right.any() else 0
    all_wrong = wrong.all()
    high = 1.0 if all_wrong else stats.beta.ppf(level, wrong.sum() + 1, wrong.size - wrong.sum())
    return float(np.log((low - delta) / high)) if low > delta else -np.inf
