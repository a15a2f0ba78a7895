"""The mathematics of learning from others: pools of opinions, temperatures, and gradients that
disagree. Pure functions.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from fedh2l.error import FedH2LError
from fedh2l.learner import Conflict, Followed

UNITS = 2.0**44  # of a weight of 1 in a pool
HEAVIEST = 128  # weight of a teacher: 4,096 of them fit into a sum of 63 bits
LEAST = np.float32(1e-6)  # a probability below counts as this in a logarithm


def linear_pool(
    probs: Float[np.ndarray, "peers rows classes"], weights: Float[np.ndarray, "peers rows"]
) -> Float[np.ndarray, "rows classes"]:
    """The weighted mean of the peers' posteriors, row by row.

    Matching it is minimising the mean forward KL to them.
    """
    return mean_of_units(in_units(probs, weights).sum(0)).astype(probs.dtype)


def in_units(
    probs: Float[np.ndarray, "peers rows classes"], weights: Float[np.ndarray, "peers rows"]
) -> Int[np.ndarray, "peers rows classes"]:
    """Weighted posteriors as whole numbers of 2^-44: their sums are exact, the same in any order.

    Raises FedH2LError where a weight is so great that a sum could not hold it.
    """
    if weights.max(initial=0) > HEAVIEST:
        raise FedH2LError(
            f"a teacher weighs {weights.max():.3g}, and {HEAVIEST} is the most; use a smaller owner"
        )
    return np.rint(weights[..., None].astype(np.float64) * probs * UNITS).astype(np.int64)


def mean_of_units(
    units: Int[np.ndarray, "rows classes"],
) -> Float[np.ndarray, "rows classes"]:
    """The weighted mean, from the sum over all peers."""
    return (units / units.sum(1, keepdims=True)).astype(np.float32)


def likeliest(
    probs: Float[np.ndarray, "... classes"], top: int
) -> Float[np.ndarray, "... classes"]:
    """Each row's `top` likeliest classes, renormalised; the tail of many classes is more noise than
    knowledge.

    Of those that are equal to the next one none is kept, such as all that a coarse codec has not
    told; a row of nothing else stays.
    """
    if probs.shape[-1] <= top:
        return probs
    next_one = np.partition(probs, -top - 1, -1)[..., -top - 1, None]
    kept = np.where(probs > next_one, probs, 0)
    sums = kept.sum(-1, keepdims=True)
    return np.where(sums > 0, kept / np.where(sums > 0, sums, 1), probs)


def divergence(
    p: Float[np.ndarray, "rows classes"], q: Float[np.ndarray, "rows classes"]
) -> Float[np.ndarray, " rows"]:
    """KL(p ‖ q) of each row, with probabilities of q below 10⁻⁶ counted as that."""
    ratio = np.maximum(p, LEAST) / np.maximum(q, LEAST)
    return np.maximum((p * np.log(ratio)).sum(1), 0)


def total_variation(
    p: Float[np.ndarray, "rows classes"], q: Float[np.ndarray, "rows classes"]
) -> float:
    """Half the L1 distance of two distributions, in [0, 1]; the mean over the rows."""
    return float(np.abs(p - q).sum(1).mean() / 2)


def temper(
    probs: Float[np.ndarray, "... classes"], temperature: float
) -> Float[np.ndarray, "... classes"]:
    """softmax(logits / T) from softmax(logits): p^(1/T), normalised."""
    if temperature == 1:
        return probs
    p = probs ** (1 / temperature)
    return p / p.sum(-1, keepdims=True)


def project(gradient: Any, protected: Any) -> Any:
    """The closest vector to `gradient` that does not point against `protected`: min ‖g̃ − g‖²
    subject to ⟨g̃, h⟩ ≥ 0.

    One constraint, so the quadratic programme has a closed form. Vectors of numpy or torch alike.
    """
    dot, norm = gradient @ protected, protected @ protected
    return gradient - dot / norm * protected if dot < 0 < norm else gradient


def reconcile(private: Any, seed: Any, rule: Conflict, follow: Followed = "both") -> Any:
    """The step's gradient from the private and the seed gradient: the rule names whose direction is
    protected, `follow` which of them the step goes along.
    """
    along_private = project(private, seed) if rule in ("seed", "both") else private
    along_seed = project(seed, private) if rule in ("private", "both") else seed
    if follow == "private":
        return along_private
    if follow == "seed":
        return along_seed
    return along_private + along_seed
