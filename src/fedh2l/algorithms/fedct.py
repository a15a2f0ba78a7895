"""FedCT (Abourayya et al., arXiv:2310.05696, AAAI 2025): federated co-training, in which only hard
labels travel.

Each peer labels the public rows; the label of most peers joins its private rows:
L(x) = argmax_c Σ_k [f_k(x) = c], f_k ← fit(D_k ∪ (U, L)).

Departures: labels are exchanged every round after `warmup`, where the paper has a period; a tie
goes to the class that comes first; a pseudo-labelled batch comes with each private one, whatever
the numbers of rows; and a seed row that is labelled keeps its own label.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedh2l.algorithms.distillation import Answers, answer, recent_lesson, voices
from fedh2l.bounds import bounded, check_fields
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.wire.hard import one_hot


@dataclass(frozen=True)
class FedCT:
    """Learn the label that most peers give a seed row, as if it were private.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    weight
        Weight of the pseudo-labels, against 1 for the private rows.
    labels
        Where a seed row has a label, learn that, and not what most peers say.
    warmup
        Rounds of private rows and seed labels before the first exchange: what networks that know
        nothing agree on is a class for all rows, and they would learn it.
    """

    codec: ClassVar[str] = "hard"  # whatever else was agreed
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    weight: float = bounded(1.0, least=0)
    labels: bool = True
    warmup: int = bounded(5, least=0)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Posteriors | None:
        if t < self.warmup:
            return None
        return Posteriors(t, likeliest_class(answer(peer, t).probs))

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        question = peer.seed_set.question(t)
        heard = voices(peer, inbox)
        majority = likeliest_class(np.sum(list(heard.values()), axis=0)) if heard else None
        unlabelled = ~(question.labelled & self.labels)
        lesson = recent_lesson(
            peer,
            t,
            majority,
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
            known=unlabelled if majority is not None else None,
        )
        return peer.learn(lesson, self.steps)


def likeliest_class(probs: Answers) -> Answers:
    """A single one in each row, at its largest entry; of equal ones the first."""
    return one_hot(probs.argmax(1), probs.shape[1])
