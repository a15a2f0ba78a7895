"""How well a peer does: on its own domain, on all, and on the worst."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict, cast

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.rows import Rows
from fedh2l.stored_rows import RowArray, StoredRows

BINS = 15  # of equal width, for the calibration error (Guo et al. 2017)
SMALLEST = float(np.finfo(np.float32).eps)  # a posterior counts as at least this in a logarithm


class Scores(TypedDict):
    """Accuracies, calibration and, of two classes, areas under the ROC curve (AUC); all in [0, 1]
    but the negative log-likelihoods (NLL, in nats).
    """

    own_accuracy: float
    all_domain_accuracy: float  # the mean over the domains
    worst_domain_accuracy: float
    own_ece: NotRequired[float]
    all_domain_ece: NotRequired[float]  # of all rows together, every domain with the same weight
    own_nll: NotRequired[float]
    all_domain_nll: NotRequired[float]  # the mean over the domains
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


def ece(
    probs: Float[np.ndarray, "rows classes"],
    labels: Int[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"] | None = None,
) -> float:
    """The expected calibration error: by how much the confidence p(likeliest class) differs from
    the share of rows on which that class is right, in `BINS` bins of equal width
    (Guo, Pleiss, Sun, Weinberger, 2017, arXiv:1706.04599, equation 3).

    weights: how much each row counts; by default all alike.
    """
    confidence = probs.max(1).astype(np.float64)
    right = (probs.argmax(1) == labels).astype(np.float64)
    share = np.full(len(labels), 1.0) if weights is None else weights
    # Bin m holds the confidences in ((m-1)/15, m/15], as in the paper.
    place = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(place, share * (right - confidence), minlength=BINS)
    return float(np.abs(gaps).sum() / share.sum())


def nll(probs: Float[np.ndarray, "rows classes"], labels: Int[np.ndarray, " rows"]) -> float:
    """The negative log-likelihood of the labels in nats, the mean over the rows.

    A posterior below `SMALLEST` counts as that, as in scikit-learn's log_loss of float32: a forest
    says 0 of classes that it has not seen, and one such row would make the mean infinite.
    """
    likelihood = probs[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(likelihood, SMALLEST, 1.0)).mean())


def _posteriors(learner: Learner, x: RowArray) -> Float[np.ndarray, "rows classes"]:
    """What a learner says of rows; of those that lie on disk some at a time."""
    if not isinstance(x, StoredRows):
        return learner.posteriors(x)
    return np.concatenate([learner.posteriors(block) for block in x.blocks()])


def scores(
    learner: Learner,
    own: str,
    tests: Mapping[str, Rows],
    among: Collection[str] | None = None,
) -> Scores:
    """Scores of the peer named `own`, whose domain has its name, on the rows of all domains.

    `among`: the domains that count as all, where its own is only there for its own scores.
    """
    said: dict[str, np.ndarray] = {}
    accuracies: dict[str, float] = {}
    for domain, (x, y) in tests.items():
        try:
            said[domain] = _posteriors(learner, x)
            accuracies[domain] = accuracy(said[domain], y)
        except FedH2LError as error:
            raise FedH2LError(f"{own}, on the rows of {domain}: {error}") from error

    labels = {domain: y for domain, (_, y) in tests.items()}
    found = _scores(said, labels, accuracies, own, list(tests if among is None else among))
    _add_areas(found, said, labels, own)
    return found


def _add_areas(
    found: Scores, said: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], own: str
) -> None:
    """Of two classes: the areas under the curve of the domains with rows of both."""
    pairs = {d: auc(probs, labels[d]) for d, probs in said.items() if probs.shape[1] == 2}
    areas = {domain: area for domain, area in pairs.items() if area is not None}
    if own in areas:
        found["own_auc"] = areas[own]
    counted = [areas[d] for d in found.get("domain_accuracies", {}) if d in areas]
    if counted:
        found["all_domain_auc"] = _mean(counted)


def _scores(
    said: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    accuracies: Mapping[str, float],
    own: str,
    all_domains: Sequence[str],
) -> Scores:
    counted = {domain: accuracies[domain] for domain in all_domains}
    # Rows of a large domain count less, so that every domain counts as much as another.
    weights = np.concatenate([np.full(len(labels[d]), 1 / len(labels[d])) for d in all_domains])
    rows = np.concatenate([said[d] for d in all_domains])
    return Scores(
        own_accuracy=accuracies[own],
        all_domain_accuracy=_mean(counted.values()),
        worst_domain_accuracy=min(counted.values()),
        domain_accuracies=counted,
        own_ece=ece(said[own], labels[own]),
        all_domain_ece=ece(rows, np.concatenate([labels[d] for d in all_domains]), weights),
        own_nll=nll(said[own], labels[own]),
        all_domain_nll=_mean(nll(said[d], labels[d]) for d in all_domains),
    )


def mean_scores(rows: Mapping[str, Scores]) -> Scores:
    """The mean over the peers of each score, over those that have it."""
    means: dict[str, float] = {}
    for key in Scores.__annotations__:
        values = [row[key] for row in rows.values() if key in row]
        # What is said of each domain has no mean over the peers.
        numbers = [value for value in values if isinstance(value, float)]
        if numbers:
            means[key] = _mean(numbers)
    return cast(Scores, means)


def _mean(values: Iterable[float]) -> float:
    every = list(values)
    return sum(every) / len(every)
