"""FedDF (Lin et al., arXiv:2006.07242, NeurIPS 2020): FedAvg, whose average is then distilled from
the ensemble of the models that went into it.

x_0 = Σ_k (n_k/n) x_k; then steps along ∇ KL(σ(1/K Σ_k f(x_k, d)) ‖ σ(f(x, d))) on unlabelled rows
d, f being logits. Logarithms of posteriors differ from logits by a constant in each row, which the
softmax does not see.

Departures: each peer distils by itself what the paper's server distils once, from the same models
and start, so that peers differ a little until the next average; it asks about the round's view of
the whole seed set, for half of the round's steps; no step is chosen by validation.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedh2l.algorithms.distillation import Answers, learn_seed_rows, lesson_of
from fedh2l.algorithms.fedavg import FedAvg, own_weights, weighted
from fedh2l.bounds import bounded, check_fields
from fedh2l.learner import State
from fedh2l.message import Inbox, Weights
from fedh2l.peer import Peer


@dataclass(frozen=True)
class FedDF:
    """Average the models, then distil their ensemble into the average.

    Parameters
    ----------
    steps
        Local steps per round: half before speaking, half to distil.
    seed_batch
        Seed rows per step, of labels before speaking, of the ensemble after.
    reuse
        How many of the last views' labels are learnt from.
    """

    one_architecture: ClassVar[bool] = True  # for all peers, and one start
    steps: int = bounded(10, least=2)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Weights:
        return self._averaging().speak(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        models = {name: m for name, m in inbox.items() if isinstance(m, Weights)}
        question = peer.seed_set.question(t)
        target: Answers | None = None
        if models:
            models[peer.name] = own_weights(peer, t)
            answers = [
                posteriors_of(peer, models[name].arrays, question.x) for name in sorted(models)
            ]
            target = mean_of_logits(np.stack(answers))
        self._averaging().listen(peer, t, inbox)
        lesson = lesson_of(question, target, labels=False, weight=1.0, batch=self.seed_batch)
        return learn_seed_rows(peer, lesson, "alternating", self.steps)

    def _averaging(self) -> FedAvg:
        local = self.steps - self.steps // 2
        return FedAvg(steps=local, seed_batch=self.seed_batch, reuse=self.reuse)


def posteriors_of(peer: Peer, arrays: State, x: np.ndarray) -> Answers:
    """What the peer's model believes with these parameters; they are taken out again."""
    learner = weighted(peer)
    before = {name: array.copy() for name, array in learner.weights().items()}
    cast = {name: array.astype(before[name].dtype) for name, array in arrays.items()}
    learner.load_weights(before | cast)
    probs = peer.posteriors(x)
    learner.load_weights(before)
    return probs


def mean_of_logits(probs: np.ndarray) -> Answers:
    """softmax of the mean logits of (peers, rows, classes)."""
    mean = np.log(np.maximum(probs, 1e-12)).mean(0)
    raised = np.exp(mean - mean.max(1, keepdims=True))
    return (raised / raised.sum(1, keepdims=True)).astype(np.float32)
