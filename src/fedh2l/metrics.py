"""How well a peer does: on its own domain, on all, and on the worst."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner


class Scores(TypedDict):
    """Accuracies in [0, 1]."""

    own_accuracy: float
    all_domain_accuracy: float  # the mean over the domains
    worst_domain_accuracy: float


def accuracy(probs: Float[np.ndarray, "rows classes"], labels: Shaped[np.ndarray, "..."]) -> float:
    """The share of rows whose most probable class is the label, an index into the classes.

    Raises FedH2LError where posteriors are not finite: they would count as the first class.
    """
    indices = np.asarray(labels)
    if indices.shape == (len(probs), 1):
        indices = indices[:, 0]
    if indices.shape != (len(probs),) or not len(probs):
        raise FedH2LError(
            f"accuracy: labels of shape {indices.shape} for posteriors of shape {probs.shape}; "
            "needs one label per row, and a row"
        )
    if indices.dtype.kind not in "iuf" or not 0 <= indices.min() <= indices.max() < probs.shape[1]:
        raise FedH2LError(
            f"accuracy: labels such as {indices[0]!r} for {probs.shape[1]} classes; labels are "
            f"indices from 0 to {probs.shape[1] - 1}"
        )
    broken = np.flatnonzero(~np.isfinite(probs).all(1))
    if len(broken):
        raise FedH2LError(
            f"NaN or infinity in the posteriors on row {broken[0]}; its training has diverged: "
            "lower the learning rate or check its data"
        )
    return float((probs.argmax(1) == indices).mean())


def scores(
    learner: Learner,
    own: str,
    tests: Mapping[str, tuple[Shaped[np.ndarray, "rows ..."], Int[np.ndarray, " rows"]]],
) -> Scores:
    """Accuracies of the peer named `own`, whose domain has its name, on the rows of all domains."""
    by_domain: dict[str, float] = {}
    for domain, (x, y) in tests.items():
        try:
            by_domain[domain] = accuracy(learner.posteriors(x), y)
        except FedH2LError as error:
            raise FedH2LError(f"{own}, on the rows of {domain}: {error}") from error
    every = list(by_domain.values())
    return Scores(
        own_accuracy=by_domain[own],
        all_domain_accuracy=sum(every) / len(every),
        worst_domain_accuracy=min(every),
    )


def mean_scores(rows: Mapping[str, Scores]) -> Scores:
    """The mean over the peers of each accuracy."""

    def mean(key: str) -> float:
        return sum(float(r[key]) for r in rows.values()) / len(rows)  # type: ignore[literal-required]

    return Scores(
        own_accuracy=mean("own_accuracy"),
        all_domain_accuracy=mean("all_domain_accuracy"),
        worst_domain_accuracy=mean("worst_domain_accuracy"),
    )
