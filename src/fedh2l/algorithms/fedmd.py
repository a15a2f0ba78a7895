"""FedMD (Li and Wang, arXiv:1910.03581): peers digest the mean of everybody's class scores on
public rows, then revisit their private rows.

Digest, then revisit: min CE(f̃, f_k) on the seed rows, f̃(x) = 1/m Σ_k f_k(x); min CE(y, f_k) on the
private ones.

Departures: the scores are posteriors, and not what comes before the softmax; transfer learning
on the public rows, which the paper does to convergence, is `warmup` rounds of private rows and seed
labels; and while seed labels are there, digesting learns them, too.
"""

from dataclasses import dataclass

from fedh2l.algorithms.distillation import (
    Phases,
    answer,
    check_phases,
    learn_private_rows,
    learn_seed_rows,
    mean_of,
    recent_lesson,
    voices,
)
from fedh2l.bounds import bounded, check_fields
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer


@dataclass(frozen=True)
class FedMD:
    """Digest the mean of all posteriors, then revisit the private rows.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    weight
        Weight of the mean of the posteriors, against 1 for the seed labels.
    labels
        Learn the seed labels, too, where there are any.
    phases
        alternating: half of the steps digest, the others revisit; joint: each step does both.
    warmup
        Rounds of private rows and seed labels before the first exchange.
    """

    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    weight: float = bounded(1.0, least=0)
    labels: bool = True
    phases: Phases = "alternating"
    warmup: int = bounded(1, least=0)

    def __post_init__(self) -> None:
        check_fields(self)
        check_phases(self.phases, self.steps)

    def speak(self, peer: Peer, t: int) -> Posteriors | None:
        return None if t < self.warmup else answer(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        lesson = recent_lesson(
            peer,
            t,
            mean_of(voices(peer, inbox)),
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
        )
        if t < self.warmup:
            return peer.learn(lesson, self.steps)
        rate = learn_seed_rows(peer, lesson, self.phases, self.steps)
        learn_private_rows(peer, self.phases, self.steps)
        return rate
