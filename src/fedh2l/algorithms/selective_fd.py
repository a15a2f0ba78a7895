"""Selective-FD (Shao, Wu and Zhang, arXiv:2304.01731; Nat. Commun. 15, 349, 2024): a peer that does
not know a row abstains, and rows on which the others are of two minds are left out.

A client says f_k(x) where its density ratio r_k(x) = p_k(x)/q(x), estimated in closed form (KuLSIF,
Kanamori et al., 2012), is above a threshold; the mean of the answers is learnt where its entropy is
low.

Departures: the ratio is to the seed set's density, and not to a uniform one; the kernel's width is
the median distance; an abstention is a uniform row, which the receivers know by that and leave out;
and while seed labels are there, distilling learns them, too. The threshold is the first quartile of
the private rows' own ratios, as in the authors' code; the largest entropy is ours.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from fedh2l.algorithms.distillation import (
    Answers,
    Phases,
    answer,
    check_phases,
    learn_private_rows,
    learn_seed_rows,
    recent_lesson,
    spoken,
    voices,
)
from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.rows import kind_of
from fedh2l.tables import as_numbers

MOST_ROWS = 1000  # private rows, and seed rows, that the ratio is estimated from
RIDGE = 1e-3  # λ of KuLSIF, as in the authors' code
Table = Float[np.ndarray, "_ features"]


@dataclass(frozen=True)
class SelectiveFD:
    """Abstain where a row is unlike the private ones; learn where those who spoke are sure.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    quantile
        A peer speaks about rows whose ratio is above this quantile of its own rows'; 0: about all.
    most_entropy
        Leave out rows whose mean has a larger entropy than this part of log(classes); 1: none.
    weight
        Weight of the mean posteriors, against 1 for the seed labels.
    labels
        Learn the seed labels, too, where there are any.
    phases
        alternating: half of the steps learn private rows before speaking, the others distil; joint:
        each step does both.
    """

    reads_rows: ClassVar[bool] = True  # the private ones, themselves
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    quantile: float = bounded(0.25, least=0, most=1)
    most_entropy: float = bounded(0.5, above=0, most=1)
    weight: float = bounded(1.0, least=0)
    labels: bool = True
    phases: Phases = "alternating"

    def __post_init__(self) -> None:
        check_fields(self)
        check_phases(self.phases, self.steps)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        learn_private_rows(peer, self.phases, self.steps)
        said = answer(peer, t)
        knows = self._knows(peer)
        uniform = np.float32(1 / said.shape[1])
        probs = np.where(knows[:, None], said.probs, uniform)
        return Posteriors(t, probs, rounds_left=said.rounds_left)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        heard = voices(peer, inbox)
        mean, sure = None, None
        if heard:
            mean, sure = selected(np.stack(list(heard.values())), self.most_entropy)
        lesson = recent_lesson(
            peer,
            t,
            mean,
            reuse=self.reuse,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
            known=sure,
        )
        return learn_seed_rows(peer, lesson, self.phases, self.steps)

    def _knows(self, peer: Peer) -> Bool[np.ndarray, " asked"]:
        """The seed rows that are like the peer's own, whatever the view; a mixture is like the row
        that parts of another were put into. Estimated once: no row changes.
        """
        if "knows" not in peer.memory:
            peer.memory["knows"] = self._estimated(peer)
        return np.resize(peer.memory["knows"], peer.seed_set.asked)

    def _estimated(self, peer: Peer) -> Bool[np.ndarray, " rows"]:
        if not self.quantile:
            return np.ones(len(peer.seed_set), bool)
        private, seeds = _numbers(peer)
        if len(private) < 2:
            return np.ones(len(seeds), bool)
        knows = np.zeros(len(seeds), bool)
        # Nothing is asked about a row that the estimate has seen: half of the private rows and half
        # of the seed rows make it, the other private rows say what is usual.
        for half in (0, 1):
            sample = seeds[1 - half :: 2][:MOST_ROWS]
            if not len(sample):  # a single seed row
                return np.ones(len(seeds), bool)
            usual = density_ratio(private[::2], sample, private[1::2])
            found = density_ratio(private[::2], sample, seeds[half::2])
            knows[half::2] = found > np.quantile(usual, self.quantile)
        return knows


def selected(
    probs: Float[np.ndarray, "peers rows classes"], most_entropy: float
) -> tuple[Answers, Bool[np.ndarray, " rows"]]:
    """The mean of those who spoke about each row, and whether it is sure enough to be learnt."""
    classes = probs.shape[2]
    spoke = spoken(probs)
    weights = spoke / np.maximum(spoke.sum(0), 1)
    mean = np.einsum("prc,pr->rc", probs, weights.astype(np.float32))
    entropy = -(mean * np.log(np.maximum(mean, 1e-12))).sum(1)
    return mean, spoke.any(0) & (entropy <= most_entropy * np.log(classes))


def density_ratio(known: Table, other: Table, rows: Table) -> Float[np.ndarray, " _"]:
    """KuLSIF: p(x)/q(x) on `rows`, from samples `known` of p and `other` of q.

    r(x) = 1/(λm) Σ_j k(x, known_j) + Σ_i α_i k(x, other_i), where
    (K_oo/n + λI) α = −1/(λnm) K_ok 1 and k is Gaussian.
    """
    n, m = len(other), len(known)
    distances = _squares(other, other)
    width = np.median(distances[~np.eye(n, dtype=bool)]) if n > 1 else 1.0
    scale = 2 * max(float(width), 1e-12)

    k_oo = np.exp(-distances / scale)
    k_ok = np.exp(-_squares(other, known) / scale)
    alpha = np.linalg.solve(k_oo / n + RIDGE * np.eye(n), -k_ok.sum(1) / (RIDGE * n * m))
    near_known = np.exp(-_squares(rows, known) / scale).mean(1) / RIDGE
    return near_known + np.exp(-_squares(rows, other) / scale) @ alpha


def _squares(a: Table, b: Table) -> Float[np.ndarray, "_ _"]:
    """Squared distances, each row of a to each of b."""
    squares = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return np.maximum(squares, 0)


def _numbers(peer: Peer) -> tuple[Table, Table]:
    """Private rows and seed rows, as vectors of one scale."""
    private, _ = peer.private_rows()
    seeds, kind = peer.seed_set.x, kind_of(peer.seed_set.x)
    private = private[:: max(1, len(private) // MOST_ROWS)]
    if kind == "text":
        raise FedH2LError(
            f"{peer.name}: selective-fd measures how near rows are, and texts have no distance; "
            "use --quantile 0, with which every peer speaks about all rows"
        )
    parts = (private, seeds)
    if kind == "table":
        parts = (as_numbers(private, seeds), as_numbers(seeds, seeds))
    own, other = (np.asarray(part, np.float64).reshape(len(part), -1) for part in parts)

    # What is missing lies at the seed rows' mean, and pixels have one scale already.
    middle = np.nanmean(other, 0)
    spread = np.nanstd(other) if kind == "images" else np.nanstd(other, 0)
    spread = np.where(spread > 0, spread, 1)
    return np.nan_to_num((own - middle) / spread), np.nan_to_num((other - middle) / spread)
