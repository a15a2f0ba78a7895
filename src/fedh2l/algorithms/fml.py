"""Federated mutual learning (FML; Shen et al., arXiv:2006.16765): each peer has a model of its own
and a copy of the shared one, the meme; they learn from one another, and the memes are averaged.

Own model: α·CE(y, p) + (1−α)·KL(p_meme ‖ p); meme: β·CE(y, p_meme) + (1−β)·KL(p ‖ p_meme); α = β =
0.5 if nothing is said. Memes then average as in FedAvg.

Departures: own model and meme have one architecture, so that one learner trains both in turn; each
is asked about the private rows once a round, and not in each step; labelled seed rows count as
further labelled rows. A round trains two models: `steps` for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedh2l.algorithms.distillation import Answers, examples, lesson_of
from fedh2l.algorithms.fedavg import mean_weights, own_weights, weighted
from fedh2l.bounds import bounded, check_fields
from fedh2l.learner import State, under
from fedh2l.message import Inbox, Weights
from fedh2l.peer import Peer
from fedh2l.question import Question

MEME = "meme."  # in the peer's memory: the whole state of the learner that has the meme


@dataclass(frozen=True)
class FML:
    """A model of one's own and a shared one teach each other; the shared ones are averaged.

    Parameters
    ----------
    steps
        Local steps per round, of each of the two models.
    seed_batch
        Rows of known class per step that learn from the other model, besides the private batch.
    reuse
        How many of the last views' labels are learnt from.
    weight
        (1−α)/α: what the meme counts to the own model, against 1 for the labels.
    meme_weight
        (1−β)/β: what the own model counts to the meme.
    labels
        Learn the seed labels, too, where there are any.
    """

    one_architecture: ClassVar[bool] = True  # for all peers, and one start
    reads_rows: ClassVar[bool] = True  # the private ones, themselves
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    weight: float = bounded(1.0, least=0)
    meme_weight: float = bounded(1.0, least=0)
    labels: bool = True

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Weights:
        weighted(peer)  # a learner that has no weights is refused before it learns
        rows, _ = examples(peer, t, reuse=self.reuse, labels=self.labels)
        believed = peer.posteriors(rows.x)
        own = saved(peer)
        peer.learner.load_state_dict(under(peer.memory, MEME) or own)
        believed_by_meme = peer.posteriors(rows.x)
        self._learn(peer, rows, believed, self.meme_weight)
        message = own_weights(peer, t)
        keep_meme(peer)

        peer.learner.load_state_dict(own)
        self._learn(peer, rows, believed_by_meme, self.weight)
        return message

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> None:
        own = saved(peer)
        peer.learner.load_state_dict(under(peer.memory, MEME))
        models = {name: m for name, m in inbox.items() if isinstance(m, Weights)}
        models[peer.name] = own_weights(peer, t)
        # Sorted: every peer must reach the same average.
        average = mean_weights([models[name] for name in sorted(models)])
        learner = weighted(peer)
        weights = dict(learner.weights())
        learner.load_weights(weights | {k: v.astype(weights[k].dtype) for k, v in average.items()})
        keep_meme(peer)
        peer.learner.load_state_dict(own)

    def _learn(self, peer: Peer, rows: Question, targets: Answers, weight: float) -> None:
        lesson = lesson_of(rows, targets, labels=True, weight=weight, batch=self.seed_batch)
        peer.learn(lesson, self.steps)


def saved(peer: Peer) -> State:
    """All of a learner's state, which later steps do not change."""
    state: Mapping[str, np.ndarray] = peer.learner.state_dict()
    return {name: array.copy() for name, array in state.items()}


def keep_meme(peer: Peer) -> None:
    """Put the learner's state into the memory, as the meme's."""
    peer.memory |= {MEME + name: array for name, array in saved(peer).items()}
