"""Deep mutual learning (Zhang et al., arXiv:1706.00384): each network learns the labels, and what
each of the others believes.

Loss of network k: CE(y, p_k) + 1/(K−1) Σ_{l≠k} KL(p_l ‖ p_k). The mean of the divergences has the
gradient of CE against the mean of the others' posteriors.

Departures: what the others believe is heard once a round, and not in each step; the rows of which
they say it are the seed rows, and each peer has private rows of its own besides.
"""

from dataclasses import dataclass

from fedh2l.algorithms.distillation import answer, mean_of, recent_lesson, voices
from fedh2l.bounds import bounded, check_fields
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer


@dataclass(frozen=True)
class DML:
    """Mutual learning: labels, private rows, and the mean divergence from each of the others.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    weight
        Weight of the divergence, against 1 for the seed labels and 1 for the private rows.
    labels
        Learn the seed labels, where there are any.
    """

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
        lesson = recent_lesson(
            peer,
            t,
            mean_of(voices(peer, inbox, own=False)),
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
        )
        return peer.learn(lesson, self.steps)
