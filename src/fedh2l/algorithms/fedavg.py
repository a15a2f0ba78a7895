"""FedAvg (arXiv:1602.05629): peers of one architecture average weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fedh2l.algorithms.baselines import labelled_lesson
from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.learner import Weighted
from fedh2l.message import Inbox, Weights
from fedh2l.peer import Peer


@dataclass(frozen=True)
class FedAvg:
    """Learn, then average: after a round every peer of a full graph holds the same model, without a
    server.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Labelled seed rows per step, given to this method as to the others; 0: private rows only.
    reuse
        How many of the last views are learnt from.
    """

    one_architecture: ClassVar[bool] = True  # for all peers, and one start
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=0)
    reuse: int = bounded(3, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Weights:
        weighted(peer)  # a learner that has no weights is refused before it learns
        peer.learn(labelled_lesson(peer.seed_set, t, self.reuse, self.seed_batch), self.steps)
        return own_weights(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> None:
        said = {name: m for name, m in inbox.items() if isinstance(m, Weights)}
        said[peer.name] = own_weights(peer, t)
        # Sorted: every peer must reach the same average.
        average = mean_weights([said[name] for name in sorted(said)])
        learner = weighted(peer)
        weights = dict(learner.weights())
        for name, array in average.items():
            weights[name] = array.astype(weights[name].dtype)
        learner.load_weights(weights)


def weighted(peer: Peer) -> Weighted:
    """The peer's learner, refused where it has no weights to average."""
    if not isinstance(peer.learner, Weighted):
        raise FedH2LError(
            f"{peer.name}: {type(peer.learner).__name__} has no weights to average; averaging "
            "needs peers of one architecture, FedH2L takes any"
        )
    if peer.learner.rows < 1:
        raise FedH2LError(
            f"{peer.name}: its private rows cannot be counted, and the average weighs by them; "
            "say how many: TorchLearner(…, rows=1000)"
        )
    return peer.learner


def own_weights(peer: Peer, t: int) -> Weights:
    """The floating-point parameters of a peer's model. Raises FedH2LError where one is NaN."""
    learner = weighted(peer)
    arrays = {k: v for k, v in learner.weights().items() if v.dtype.kind == "f"}
    if not all(np.isfinite(a).all() for a in arrays.values()):
        raise FedH2LError(
            f"{peer.name}: NaN or infinity in its weights; its training has diverged: lower "
            "the learning rate or check its data"
        )
    return Weights(t, learner.rows, arrays)


def mean_weights(said: Sequence[Weights]) -> dict[str, Float[np.ndarray, "..."]]:
    """The mean of models, each counted by its private rows, summed in the given order."""
    rows = np.array([w.rows for w in said], np.float64)
    shares = rows / sum(w.rows for w in said)
    average: dict[str, np.ndarray] = {}
    for name, array in said[0].arrays.items():
        average[name] = np.zeros_like(array, np.float64)
        for share, weights in zip(shares, said, strict=True):
            average[name] = average[name] + share * weights.arrays[name]
    return average
