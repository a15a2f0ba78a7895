"""How much each teacher counts on each row. Pure functions, by name in `TEACHERS`."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Shaped

from fedh2l.choices import Choices
from fedh2l.error import FedH2LError

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
TEACHERS: Choices[Weighting] = Choices(
    "weighting of teachers",
    {
        "uniform": "fedh2l.teachers:uniform_weights",
        "owner": "fedh2l.teachers:owner_weights",
        "label": "fedh2l.teachers:label_weights",
    },
)


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
