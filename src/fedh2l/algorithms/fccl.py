"""FCCL (Huang, Ye and Du, CVPR 2022; arXiv:2309.16286 extends it): federated cross-correlation on
unlabelled rows, and continual learning on private ones.

M_uv is the correlation over the rows of one's own logit u with the peers' mean logit v.
Together: Σ_u (1 − M_uu)² + λ Σ_{u≠v} (1 + M_uv)², λ = 0.0051. At home: CE(y, f) + KL(inter ‖ f) +
KL(intra ‖ f), where inter is the model as it came from the others, and intra as it was after
private training alone.

Departures: a learner matches targets, so the gradient of the first loss is taken in the logits, and
their softmax after one step along it is the target; logits are logarithms of posteriors; the
private training alone is `warmup` rounds; both teachers are asked once a round, about private rows
that are not augmented; and while seed labels are there, they are learnt together.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fedh2l.algorithms.distillation import (
    Answers,
    answer,
    check_phases,
    learn_seed_rows,
    recent_lesson,
    voices,
)
from fedh2l.bounds import bounded, check_fields
from fedh2l.learner import Lesson
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer

Table = Float[np.ndarray, "rows classes"]


@dataclass(frozen=True)
class FCCL:
    """Correlate with the peers' mean on the seed rows, forget neither it nor the private rows.

    Parameters
    ----------
    steps
        Local steps per round: half at home before speaking, half on the seed rows.
    seed_batch
        Seed rows, or private rows for the teachers, per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    off_diagonal
        λ: weight of the correlations between unlike classes.
    logit_rate
        Length of the step in the logits, in units of the gradient for each row.
    dual
        Weight of each of the two teachers on private rows, against 1 for the labels.
    weight
        Weight of what is learnt together, against 1 for the seed labels.
    labels
        Learn the seed labels, too, where there are any.
    warmup
        Rounds of private training before the first exchange.
    """

    reads_rows: ClassVar[bool] = True  # the private ones, themselves
    steps: int = bounded(10, least=2)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    off_diagonal: float = bounded(0.0051, least=0)
    logit_rate: float = bounded(1.0, above=0)
    dual: float = bounded(1.0, least=0)
    weight: float = bounded(1.0, least=0)
    labels: bool = True
    warmup: int = bounded(1, least=1)

    def __post_init__(self) -> None:
        check_fields(self)
        check_phases("alternating", self.steps)

    def speak(self, peer: Peer, t: int) -> Posteriors | None:
        if t < self.warmup:
            return None
        x, _ = peer.private_rows()
        inter = peer.posteriors(x)
        intra = peer.memory.setdefault("intra", inter)
        # The sum of two divergences is twice that from the mean, but for a constant.
        both = Lesson(x, (inter + intra) / 2, weight=2 * self.dual, batch=self.seed_batch)
        peer.learn(both, self.steps - self.steps // 2)
        return answer(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        heard = voices(peer, inbox)
        target = None
        if heard:
            target = self._target(heard[peer.name], np.stack(list(heard.values())))
        lesson = recent_lesson(
            peer,
            t,
            target,
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
        )
        if t < self.warmup:
            return peer.learn(lesson, self.steps)
        return learn_seed_rows(peer, lesson, "alternating", self.steps)

    def _target(self, own: Answers, probs: Float[np.ndarray, "peers rows classes"]) -> Answers:
        logits = np.log(np.maximum(probs, 1e-6)).astype(np.float64)
        z, mean = np.log(np.maximum(own, 1e-6)).astype(np.float64), logits.mean(0)
        slope = correlation_slope(z, mean, self.off_diagonal)
        moved = z - self.logit_rate * len(z) * slope
        raised = np.exp(moved - moved.max(1, keepdims=True))
        return (raised / raised.sum(1, keepdims=True)).astype(np.float32)


def correlation_loss(z: Table, mean: Table, off_diagonal: float) -> float:
    """Σ_u (1 − M_uu)² + λ Σ_{u≠v} (1 + M_uv)²."""
    m = standard(z)[0].T @ standard(mean)[0] / len(z)
    same = np.eye(len(m), dtype=bool)
    return float(((1 - m[same]) ** 2).sum() + off_diagonal * ((1 + m[~same]) ** 2).sum())


def correlation_slope(z: Table, mean: Table, off_diagonal: float) -> Table:
    """The gradient of `correlation_loss` in z."""
    ours, spread = standard(z)
    theirs, _ = standard(mean)
    m = ours.T @ theirs / len(z)
    same = np.eye(len(m), dtype=bool)
    of_m = np.where(same, -2 * (1 - m), 2 * off_diagonal * (1 + m))
    g = theirs @ of_m.T / len(z)
    # Back through the standardisation.
    return (g - g.mean(0) - ours * (g * ours).mean(0)) / spread


def standard(z: Table) -> tuple[Table, Float[np.ndarray, " classes"]]:
    """Each column with mean 0 and deviation 1, and its deviation; one that is constant stays 0."""
    spread = np.maximum(z.std(0), 1e-6)
    return (z - z.mean(0)) / spread, spread
