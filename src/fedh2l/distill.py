"""The mathematics of learning from others: pools of opinions, temperatures, and gradients that
disagree. Pure functions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from fedh2l.choices import Choices
from fedh2l.error import FedH2LError
from fedh2l.learner import Conflict, Followed

# How much each teacher counts on each row, from what the teachers say, the labels where there are
# any, how much of a row each teacher contributed where that is known, and the factor on the weight
# of an owner.
Weighting = Callable[
    [
        Float[np.ndarray, "peers rows classes"],
        Float[np.ndarray, "rows classes"] | None,
        Float[np.ndarray, "peers rows"] | None,
        float,
    ],
    Float[np.ndarray, "peers rows"],
]
UNITS = 2.0**44  # of a weight of 1 in a pool
HEAVIEST = 128  # weight of a teacher: 4,096 of them fit into a sum of 63 bits
LEAST = np.float32(1e-6)  # a probability below counts as this in a logarithm
TEACHERS: Choices[Weighting] = Choices(
    "weighting of teachers",
    {
        "uniform": "fedh2l.distill:uniform_weights",
        "owner": "fedh2l.distill:owner_weights",
        "label": "fedh2l.distill:label_weights",
    },
)


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


def weighs_each_alone(
    teachers: str,
    labels: Float[np.ndarray, "rows classes"] | None,
    owners: Shaped[np.ndarray, " rows"] | None,
) -> bool:
    """Whether a teacher's weights do not depend on which others there are."""
    if teachers != "label":
        return teachers in ("uniform", "owner")
    # On an unlabelled row a teacher is judged by whoever of them owns it.
    return owners is None or (labels is not None and bool(labels.any(1).all()))


def uniform_weights(
    probs: Float[np.ndarray, "peers rows classes"],
    labels: Float[np.ndarray, "rows classes"] | None = None,
    owned: Float[np.ndarray, "peers rows"] | None = None,
    owner: float = 1.0,
) -> Float[np.ndarray, "peers rows"]:
    """Everybody alike, an owner too."""
    return np.ones(probs.shape[:2], probs.dtype)


def label_weights(
    probs: Float[np.ndarray, "peers rows classes"],
    labels: Float[np.ndarray, "rows classes"] | None,
    owned: Float[np.ndarray, "peers rows"] | None = None,
    owner: float = 1.0,
) -> Float[np.ndarray, "peers rows"]:
    """p(label)², and `owner` times as much the owner: on each row, believe those who know the
    answer, and the peer that knows its kind.

    Under label skew a peer that never saw a class is not asked. On a row without a label believe
    those who know the labelled rows of the same owner, where it has none all labelled rows; without
    any label those who agree with the row's owner.
    """
    factor = _owner_factor(probs, owned, owner)
    if labels is None or not labels.any():
        return factor if owned is None else factor * agreement(probs, *owners_say(probs, owned))
    knows = np.einsum("prc,rc->pr", probs, labels) ** 2
    labelled = labels.any(1)
    for rows in _of_each_owner(owned, labels):
        telling = rows & labelled
        if not telling.any():
            telling = labelled
        knows[:, rows & ~labelled] = knows[:, telling].mean(1, keepdims=True)
    # Nobody knows: a uniform mean rather than 0/0.
    return (knows + np.float32(1e-8)) * factor


def owners_say(
    probs: Float[np.ndarray, "peers rows classes"], owned: Float[np.ndarray, "peers rows"]
) -> tuple[Float[np.ndarray, "rows classes"], Bool[np.ndarray, " rows"]]:
    """What each row's owner says of it, of a mixture both by their shares; and whether one of them
    is among the peers.
    """
    share = owned.sum(0)
    # All but two of the terms are 0: the sum has the same bits however many peers there are.
    said = (owned[..., None] * probs).sum(0) / np.where(share > 0, share, 1)[:, None]
    return said.astype(probs.dtype), np.asarray(share > 0)


def agreement(
    probs: Float[np.ndarray, "peers rows classes"],
    said: Float[np.ndarray, "rows classes"],
    known: Bool[np.ndarray, " rows"],
) -> Float[np.ndarray, "peers rows"]:
    """⟨p, what the owner says⟩²: p(label)² with the owner in the label's place; 1 where it is not
    known what the owner says.
    """
    agreed = (probs * said).sum(-1) ** 2 + np.float32(1e-8)
    return np.where(known, agreed, 1).astype(probs.dtype)


def _of_each_owner(
    owned: Float[np.ndarray, "peers rows"] | None, labels: Float[np.ndarray, "rows classes"]
) -> list[Bool[np.ndarray, " rows"]]:
    """The rows of each contributor among the teachers, a mixture's by its larger part, and those
    of all others together.
    """
    if owned is None:
        return [np.ones(len(labels), bool)]
    most, known = owned.argmax(0), owned.any(0)
    return [*(known & (most == peer) for peer in range(len(owned))), np.asarray(~known)]


def _owner_factor(
    probs: Float[np.ndarray, "peers rows classes"],
    owned: Float[np.ndarray, "peers rows"] | None,
    owner: float,
) -> Float[np.ndarray, "peers rows"]:
    """`owner` for whoever contributed a row, 1 for the others, for half a mixture half way."""
    if owned is None:
        return uniform_weights(probs)
    return (1 + np.float32(owner - 1) * owned).astype(probs.dtype)


def owner_weights(
    probs: Float[np.ndarray, "peers rows classes"],
    labels: Float[np.ndarray, "rows classes"] | None,
    owned: Float[np.ndarray, "peers rows"] | None,
    owner: float = 6.0,
) -> Float[np.ndarray, "peers rows"]:
    """The peer that contributed a row knows its kind best: `owner` against 1 for each other.

    Raises FedH2LError where the seed set does not say who contributed its rows.
    """
    if owned is None:
        raise FedH2LError("teachers='owner' needs a seed set with owners; use 'uniform'")
    return _owner_factor(probs, owned, owner)


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
