"""DS-FL (Itahara et al., arXiv:2008.06180): distillation on unlabelled rows, whose targets are the
mean posteriors, made sure.

Entropy reduction aggregation: t(x) = softmax(1/K Σ_k f_k(x) / T) with T = 0.1; simple aggregation:
t(x) = 1/K Σ_k f_k(x). f are posteriors: the softmax is taken of probabilities.

Departures: every round asks about the whole seed set, and not a part of it; no server trains a
model of its own; and while seed labels are there, distilling learns them, too.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fedh2l.algorithms.distillation import (
    Answers,
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
class DSFL:
    """Distil the mean of all posteriors, made sure by a softmax of low temperature.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    aggregation
        era: entropy reduction; simple: the mean as it is.
    era_temperature
        T of the entropy reduction: the lower, the surer.
    weight
        Weight of what was aggregated, against 1 for the seed labels.
    labels
        Learn the seed labels, too, where there are any.
    phases
        alternating: half of the steps learn private rows before speaking, the others distil; joint:
        each step does both.
    """

    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    aggregation: Literal["era", "simple"] = "era"
    era_temperature: float = bounded(0.1, above=0)
    weight: float = bounded(1.0, least=0)
    labels: bool = True
    phases: Phases = "alternating"

    def __post_init__(self) -> None:
        check_fields(self)
        check_phases(self.phases, self.steps)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        learn_private_rows(peer, self.phases, self.steps)
        return answer(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        mean = mean_of(voices(peer, inbox))
        if mean is not None and self.aggregation == "era":
            mean = reduce_entropy(mean, self.era_temperature)
        lesson = recent_lesson(
            peer,
            t,
            mean,
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
        )
        return learn_seed_rows(peer, lesson, self.phases, self.steps)


def reduce_entropy(mean: Answers, temperature: float) -> Answers:
    """softmax(p / T): the paper takes it of probabilities, not of logits."""
    raised = np.exp((mean - mean.max(1, keepdims=True)) / np.float32(temperature))
    return raised / raised.sum(1, keepdims=True)
