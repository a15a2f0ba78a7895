"""Learnt trust, after LNTrust (Lanier et al., arXiv:2605.05009), of which only the abstract was at
hand: each peer learns from its own validation rows whom to trust, and trust gates distillation.

The trust of a peer in its neighbours, w on the simplex, maximises the likelihood of the labels y of
its validation rows, Σ_r log Σ_j w_j p_j(y_r | x_r): one pass of expectation-maximisation in each
round. The lesson is Σ_j w_j p_j.

Departures, as far as an abstract tells: a peer's validation rows are the labelled seed rows that it
contributed (all labelled ones where the set does not say whose they are), since private ones would
have to leave it to be asked about; trust is a number for each neighbour, and not a function of the
row; no ensemble is formed at deployment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from fedh2l.algorithms.distillation import Answers, answer, recent_lesson, voices
from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.question import Question

KEY = "trust."
LEAST = 1e-3  # trust that a neighbour keeps, so that it may win more


@dataclass(frozen=True)
class Trust:
    """Distil the neighbours, each as much as it has earned on one's own validation rows.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    weight
        Weight of the trusted neighbours, against 1 for the seed labels and 1 for the private rows.
    labels
        Learn the seed labels.
    """

    needs_labels: ClassVar[bool] = True  # of the seed set
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    weight: float = bounded(1.0, least=0)
    labels: bool = True

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        return answer(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        question = peer.seed_set.question(t)
        heard = voices(peer, inbox, own=False)
        lesson = recent_lesson(
            peer,
            t,
            self._trusted(peer, question, heard) if heard else None,
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
        )
        return peer.learn(lesson, self.steps)

    def _trusted(self, peer: Peer, question: Question, heard: Mapping[str, Answers]) -> Answers:
        """The neighbours' mean by this round's trust, which is kept for the next round."""
        probs, rows = np.stack(list(heard.values())), validation_rows(peer, question)
        before = np.array([float(peer.memory.get(KEY + name, 1.0)) for name in heard])
        assert question.labels is not None
        right = np.einsum("prc,rc->pr", probs[:, rows], question.labels[rows])
        after = better_trust(before / before.sum(), right.astype(np.float64))
        kept = zip(heard, after.tolist(), strict=True)
        peer.memory |= {KEY + name: np.array(trust) for name, trust in kept}
        return np.einsum("p,prc->rc", after.astype(np.float32), probs)


def validation_rows(peer: Peer, question: Question) -> Bool[np.ndarray, " rows"]:
    """The labelled seed rows that the peer contributed, or all that are labelled.

    Raises FedH2LError where no row has a label.
    """
    labelled = question.labelled & ~question.mixture
    if not labelled.any():
        raise FedH2LError(
            f"{peer.name}: trust is learnt from labelled seed rows, and none has a label; use a "
            "method that needs none, such as fedmd"
        )
    if question.owners is None:
        return labelled
    own = labelled & (question.owners == peer.name)
    return own if own.any() else labelled


def better_trust(
    trust: Float[np.ndarray, " peers"], right: Float[np.ndarray, "peers rows"]
) -> Float[np.ndarray, " peers"]:
    """One pass of expectation-maximisation for the shares of a mixture: w_j times its mean part of
    each row's likelihood.
    """
    joint = trust[:, None] * np.maximum(right, 1e-12)
    after = np.maximum((joint / joint.sum(0)).mean(1), LEAST)
    return after / after.sum()
