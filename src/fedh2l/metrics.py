"""How well a peer does: on its own domain, on all, and on the worst."""

from collections.abc import Iterable, Mapping
from typing import NotRequired, TypedDict

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner


class Scores(TypedDict):
    """Accuracies and, of two classes, areas under the ROC curve (AUC), in [0, 1]."""

    own_accuracy: float
    all_domain_accuracy: float  # the mean over the domains
    worst_domain_accuracy: float
    # A domain whose rows are all of one class has no AUC: it is left out.
    own_auc: NotRequired[float]
    all_domain_auc: NotRequired[float]
    domain_accuracies: NotRequired[dict[str, float]]  # by domain: who is good where


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


def auc(probs: Float[np.ndarray, "rows 2"], labels: Int[np.ndarray, " rows"]) -> float | None:
    """The area under the ROC curve of the second of two classes: how often a row of it has a higher
    p(second class) than a row of the first; a tie counts half (Mann and Whitney, 1947).

    None where the labels are all of one class.
    """
    positive = labels == 1
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(probs[:, 1], return_inverse=True, return_counts=True)
    # Rows with the same value share the mean of their ranks, which count from 1.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def scores(
    learner: Learner,
    own: str,
    tests: Mapping[str, tuple[Shaped[np.ndarray, "rows ..."], Int[np.ndarray, " rows"]]],
) -> Scores:
    """Scores of the peer named `own`, whose domain has its name, on the rows of all domains."""
    accuracies: dict[str, float] = {}
    areas: dict[str, float] = {}
    for domain, (x, y) in tests.items():
        try:
            probs = learner.posteriors(x)
            accuracies[domain] = accuracy(probs, y)
        except FedH2LError as error:
            raise FedH2LError(f"{own}, on the rows of {domain}: {error}") from error
        area = auc(probs, y) if probs.shape[1] == 2 else None
        if area is not None:
            areas[domain] = area

    found = Scores(
        own_accuracy=accuracies[own],
        all_domain_accuracy=_mean(accuracies.values()),
        worst_domain_accuracy=min(accuracies.values()),
        domain_accuracies=accuracies,
    )
    if own in areas:
        found["own_auc"] = areas[own]
    if areas:
        found["all_domain_auc"] = _mean(areas.values())
    return found


def mean_scores(rows: Mapping[str, Scores]) -> Scores:
    """The mean over the peers of each score; of an AUC, over those that have one."""
    every = list(rows.values())
    found = Scores(
        own_accuracy=_mean(r["own_accuracy"] for r in every),
        all_domain_accuracy=_mean(r["all_domain_accuracy"] for r in every),
        worst_domain_accuracy=_mean(r["worst_domain_accuracy"] for r in every),
    )
    own = [r["own_auc"] for r in every if "own_auc" in r]
    if own:
        found["own_auc"] = _mean(own)
    everywhere = [r["all_domain_auc"] for r in every if "all_domain_auc" in r]
    if everywhere:
        found["all_domain_auc"] = _mean(everywhere)
    return found


def _mean(values: Iterable[float]) -> float:
    every = list(values)
    return sum(every) / len(every)
