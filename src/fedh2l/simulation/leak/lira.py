"""LiRA (Carlini et al., "Membership inference attacks from first principles", arXiv:2112.03570):
how likely a row was learnt, of what models say that learnt it and that did not.

Worlds come in pairs: what the one has learnt, the other has not. So each row is in half of them.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

FEWEST_WORLDS = 6  # with fewer, no spread is left once a pair is left out
LEAST = 1e-12  # probability; below it a float32 tells nothing


def confidences(
    probs: Float[np.ndarray, "rows classes"], labels: Int[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """The logit of the probability of each row's label, log(p/(1 − p)): about normal (section V of
    the paper).
    """
    rows = np.arange(len(labels))
    right = probs[rows, labels].astype(np.float64)
    # The sum of the others, and not 1 − p, which is 0 in float32 where a model is sure.
    others = probs.astype(np.float64)
    others[rows, labels] = 0
    return np.log(right.clip(LEAST)) - np.log(others.sum(1).clip(LEAST))


def scores(
    values: Float[np.ndarray, "worlds rows"], members: Bool[np.ndarray, "worlds rows"]
) -> Float[np.ndarray, "worlds rows"]:
    """The log likelihood ratio that a row was learnt in a world, held against all other pairs of
    worlds: two normal distributions for each row, of the worlds with it and of those without.

    Each row has means of its own; the two variances are those of all rows together, which is better
    as long as there are few worlds (section VI.B of the paper). values: confidences in the row's
    label; worlds 2k and 2k + 1 are a pair. The pair is left out whole: else the worlds with a row
    would be one fewer where it was learnt, and chance alone would tell who was.
    """
    ratios = np.empty_like(values)
    for first in range(0, len(values), 2):
        others = np.ones(len(values), bool)
        others[first : first + 2] = False
        seen, inside = values[others], members[others]
        learnt, learnt_spread = _normal(seen, inside)
        unknown, unknown_spread = _normal(seen, ~inside)
        for world in (first, first + 1):
            of_learnt = _log_density(values[world], learnt, learnt_spread)
            ratios[world] = of_learnt - _log_density(values[world], unknown, unknown_spread)
    return ratios


def _normal(
    values: Float[np.ndarray, "worlds rows"], counted: Bool[np.ndarray, "worlds rows"]
) -> tuple[Float[np.ndarray, " rows"], float]:
    """The mean of each row over the worlds that count for it, and the variance around them of all
    rows together.
    """
    count = counted.sum(0)
    means = (values * counted).sum(0) / count
    squares = ((values - means) ** 2 * counted).sum()
    # A mean takes one degree of freedom from each row.
    return means, max(float(squares / (count - 1).sum()), LEAST)


def _log_density(
    values: Float[np.ndarray, " rows"], means: Float[np.ndarray, " rows"], variance: float
) -> Float[np.ndarray, " rows"]:
    """Of a normal distribution, but for a constant."""
    return -((values - means) ** 2) / (2 * variance) - np.log(variance) / 2
