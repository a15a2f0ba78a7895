"""How well a peer does: on its own domain, on all, and on the worst."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.learner import Learner


class Scores(TypedDict):
    """Accuracies in [0, 1]."""

    own_accuracy: float
    all_domain_accuracy: float  # the mean over the domains
    worst_domain_accuracy: float


def accuracy(probs: Float[np.ndarray, "rows classes"], labels: Int[np.ndarray, " rows"]) -> float:
    """The share of rows whose most probable class is the label."""
    return float((probs.argmax(1) == labels).mean())


def scores(
    learner: Learner,
    own: str,
    tests: Mapping[str, tuple[Shaped[np.ndarray, "rows ..."], Int[np.ndarray, " rows"]]],
) -> Scores:
    by_domain = {name: accuracy(learner.posteriors(x), y) for name, (x, y) in tests.items()}
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
