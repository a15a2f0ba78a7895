"""KT-pFL (Zhang et al., arXiv:2111.02862, NeurIPS 2021): each peer learns from a mean of its own,
whose coefficients are learnt, too.

min over w, c: Σ_n CE_n(w_n) + λ·KL(Σ_m c_nm s_m ‖ s_n) + ρ‖c_n − 1/N‖², in turn: private steps,
distillation, and c_nm ← c_nm − η(λ ∂KL/∂c_nm + 2ρ(c_nm − 1/N)); s are soft answers on public rows.

Departures: each peer learns its own row of c, which the paper's server does, from the same answers;
after a step negative coefficients are 0 and the sum is 1, which the paper leaves open; no
temperature; η is ours; and while seed labels are there, distilling learns them, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fedh2l.algorithms.distillation import (
    Answers,
    Phases,
    answer,
    check_phases,
    learn_private_rows,
    learn_seed_rows,
    recent_lesson,
    voices,
)
from fedh2l.bounds import bounded, check_fields
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer

KEY = "coefficient."
Coefficients = Float[np.ndarray, " peers"]


@dataclass(frozen=True)
class KTpFL:
    """Distil a mean of the peers with learnt coefficients, other ones for each peer.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    weight
        λ: weight of the peers' posteriors, against 1 for the seed labels.
    penalty
        ρ: how strongly the coefficients are held at equal shares.
    coefficient_rate
        η: length of the coefficients' step in each round.
    labels
        Learn the seed labels, too, where there are any.
    phases
        alternating: half of the steps learn private rows before speaking, the others distil; joint:
        each step does both.
    """

    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    weight: float = bounded(1.0, least=0)
    penalty: float = bounded(0.7, least=0)
    coefficient_rate: float = bounded(0.1, least=0)
    labels: bool = True
    phases: Phases = "alternating"

    def __post_init__(self) -> None:
        check_fields(self)
        check_phases(self.phases, self.steps)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        learn_private_rows(peer, self.phases, self.steps)
        return answer(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        heard = voices(peer, inbox)
        lesson = recent_lesson(
            peer,
            t,
            self._teacher(peer, heard) if heard else None,
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
        )
        return learn_seed_rows(peer, lesson, self.phases, self.steps)

    def _teacher(self, peer: Peer, heard: Mapping[str, Answers]) -> Answers:
        """The mean with this round's coefficients, which are kept for the next round."""
        probs = np.stack(list(heard.values()))
        equal = 1 / len(heard)
        before = np.array([float(peer.memory.get(KEY + name, equal)) for name in heard])
        slope = self.weight * divergence_slope(before / before.sum(), probs, heard[peer.name])
        slope = slope + 2 * self.penalty * (before - equal)
        after = shares(before - self.coefficient_rate * slope)
        peer.memory |= {
            KEY + name: np.array(c) for name, c in zip(heard, after.tolist(), strict=True)
        }
        return np.einsum("p,prc->rc", after.astype(np.float32), probs)


def divergence_slope(
    coefficients: Coefficients, probs: Float[np.ndarray, "peers rows classes"], own: Answers
) -> Coefficients:
    """∂/∂c_m of the mean over the rows of KL(Σ_m c_m s_m ‖ own)."""
    teacher = np.einsum("p,prc->rc", coefficients, probs)
    apart = np.log(np.maximum(teacher, 1e-12) / np.maximum(own, 1e-12)) + 1
    return np.einsum("prc,rc->p", probs, apart) / len(own)


def shares(values: Coefficients) -> Coefficients:
    """Not negative, with a sum of 1; equal ones where none is positive."""
    positive = np.maximum(values, 0)
    total = positive.sum()
    return positive / total if total > 0 else np.full(len(values), 1 / len(values))
