"""Federated distillation (FD; Jeong et al., arXiv:1811.11479): a table travels, what each peer
believes of each class on average.

F̄_k,c is the mean output of peer k over its rows of class c; a row of class y learns
CE(y, f_k) + γ·CE(1/(K−1) Σ_{j≠k} F̄_j,y, f_k).

Departures: outputs are posteriors, averaged over all rows before speaking, and not over the
outputs during the steps; the regulariser has its own batch of private rows; labelled seed rows
count as further labelled rows; a class that a peer lacks is a uniform row, which the receivers know
by that and leave out; γ is ours. Without seed labels no seed set is needed.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from fedh2l.algorithms.distillation import Answers, examples, lesson_of, spoken, voices
from fedh2l.bounds import bounded, check_fields
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer

Table = Float[np.ndarray, "classes classes"]  # of each true class what is believed on average


@dataclass(frozen=True)
class FD:
    """Learn what the others believe of each class on average.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Rows of known class per step that learn the table, besides the private batch.
    reuse
        How many of the last views' labels are learnt from.
    weight
        γ: weight of the table, against 1 for the labels.
    labels
        Learn the seed labels, too, where there are any.
    """

    reads_rows: ClassVar[bool] = True  # the private ones, themselves
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    weight: float = bounded(1.0, least=0)
    labels: bool = True

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        x, y = peer.private_rows()
        return Posteriors(t, table(peer.posteriors(x), y))

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        rows, classes = examples(peer, t, reuse=self.reuse, labels=self.labels)
        heard = voices(peer, inbox, own=False)
        targets, known = None, None
        if heard:
            means, has_mean = mean_tables(np.stack(list(heard.values())))
            targets, known = means[classes], has_mean[classes]
        lesson = lesson_of(
            rows, targets, labels=True, weight=self.weight, batch=self.seed_batch, known=known
        )
        return peer.learn(lesson, self.steps)


def table(probs: Answers, y: np.ndarray) -> Table:
    """The mean posterior of the rows of each class; uniform where there is no row."""
    classes = probs.shape[1]
    means = np.full((classes, classes), 1 / classes, np.float32)
    for c in np.unique(y):
        means[c] = probs[y == c].mean(0)
    return means


def mean_tables(tables: np.ndarray) -> tuple[Table, Bool[np.ndarray, " classes"]]:
    """For each class the mean over the peers that know it, and whether any does."""
    knows = spoken(tables)
    share = knows / np.maximum(knows.sum(0), 1)
    means = np.einsum("pab,pa->ab", tables, share.astype(np.float32))
    return means, np.asarray(knows.any(0))
