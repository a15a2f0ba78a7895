"""FedAvg (arXiv:1602.05629) and, with a proximal term, FedProx (arXiv:1812.06127): peers of one
architecture average weights.
"""

from dataclasses import dataclass

import numpy as np

from fedh2l.algorithms.baselines import labelled_lesson
from fedh2l.error import FedH2LError
from fedh2l.learner import Weighted
from fedh2l.message import Inbox, Weights
from fedh2l.peer import Peer


@dataclass(frozen=True)
class FedAvg:
    """Learn, then average: after a round every peer of a full graph holds the same model, without a
    server.
    """

    steps: int = 10  # local steps per round
    proximal: float = 0.0  # μ of FedProx: pull towards the last average; 0 is FedAvg
    # Labelled seed rows per step, given to this row as to the others; 0: private rows only.
    seed_batch: int = 64
    reuse: int = 3  # how many of the last views are learnt from

    def speak(self, peer: Peer, t: int) -> Weights:
        learner = _weighted(peer)
        if self.proximal:
            learner.load_weights(learner.weights(), self.proximal)
        learner.learn(labelled_lesson(peer.seed_set, t, self.reuse, self.seed_batch), self.steps)
        return Weights(
            t, learner.rows, {k: v for k, v in learner.weights().items() if v.dtype.kind == "f"}
        )

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> None:
        learner = _weighted(peer)
        mine = learner.weights()
        everyone = {n: m for n, m in inbox.items() if isinstance(m, Weights)} | {
            peer.name: Weights(t, learner.rows, mine)
        }
        # Sorted: every peer must reach the same average.
        voices = [everyone[n] for n in sorted(everyone)]
        share = np.array([v.rows for v in voices], np.float64) / sum(v.rows for v in voices)
        average = {
            k: sum(
                (s * v.arrays[k] for s, v in zip(share, voices, strict=True)),
                np.zeros_like(a, np.float64),
            ).astype(a.dtype)
            for k, a in mine.items()
            if a.dtype.kind == "f"
        }
        learner.load_weights(dict(mine) | average)


def _weighted(peer: Peer) -> Weighted:
    if not isinstance(peer.learner, Weighted):
        raise FedH2LError(
            f"{peer.name}: {type(peer.learner).__name__} has no weights to average; FedAvg needs "
            "peers of one "
            "architecture, FedH2L takes any"
        )
    return peer.learner
