"""MNIST as a federation of unlike labels: by Dirichlet, a few classes each, or by quantity; turned
as well, if asked for.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from cyclopts import Parameter
from jaxtyping import Int

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import FederatedData, check_domains
from fedh2l.data.idx import load_mnist
from fedh2l.data.partition import Skew, check_idle, partition
from fedh2l.data.rotate import rotated
from fedh2l.data.rotated_mnist import TEST, VALIDATION, RotatedMnist
from fedh2l.data.split import federated, taken
from fedh2l.rows import Rows

LEAST = 64  # training rows that every peer has, where they have as many on average
HELD_OUT = 75_000  # validation rows of all peers together, at most, and test rows
POOL, MANY = 5000, 100  # so many peers choose among fewer rows


@dataclass(frozen=True, kw_only=True)
class SkewedMnist:
    """MNIST with other labels for each peer; upright, or turned as well.

    Parameters
    ----------
    domains
        How many peers, each on a domain of its own; by default as many as models.
    rows
        Private rows per peer on average, before the seeds are taken out.
    skew
        How the labels differ: dirichlet (every class by a draw of its own), pathological (each peer
        has classes_each classes) or quantity (other numbers of rows, the same classes).
    alpha
        Concentration of the Dirichlet distribution, of labels or of quantity; small is skewed.
    classes_each
        Classes of a peer, where the skew is pathological.
    turn
        Degrees by which each peer's images are turned more than those of the one before.
    seed_share
        Share of each peer's rows that goes to the seed set.
    seed_labels
        How many rows of the seed set keep their label, as many of each peer; by default all.
    data_dir
        Folder of MNIST's four IDX files; without it they are fetched once.
    """

    models = RotatedMnist.models
    rounds: ClassVar[int] = 150
    mixtures = True
    baselines: ClassVar[bool] = False
    kind = "images"

    domains: int | None = bounded(None, least=1)
    rows: int = bounded(1000, least=4)
    skew: Skew = "dirichlet"
    # Below a thousandth the draw has no number left to draw with.
    alpha: float = bounded(0.1, least=0.001)
    classes_each: int = bounded(2, least=1, most=10)
    turn: float = bounded(0.0, least=0, most=360)
    seed_share: float = bounded(0.05, above=0, most=0.9)
    seed_labels: int | None = bounded(None, least=1)
    data_dir: Annotated[Path | None, Parameter(env_var="FEDH2L_DATA")] = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_idle(self)

    def names(self, domains: int) -> list[str]:
        """skew0, skew1 …"""
        return [f"skew{i}" for i in range(domains)]

    def load(self, domains: int, seed: int) -> FederatedData:
        """`domains`·`rows` images dealt out unlike; every one of them to one peer.

        A peer's validation and test images follow its own proportions of labels; those of two peers
        may be the same images.
        """
        train, test = load_mnist(self.data_dir)
        images = len(train[1])
        check_domains(
            domains,
            max(0, images - VALIDATION) // self.rows,
            f"MNIST has {images} training images, {VALIDATION} of them to choose on, and a peer "
            f"takes {self.rows}, so ask for fewer domains or rows",
        )

        rng = np.random.default_rng([seed, 3])
        order = rng.permutation(images)
        dealt, left = np.split(order, [domains * self.rows])
        least = min(LEAST, self.rows // 2)
        dealing = partition(
            train[1][dealt],
            domains,
            rng,
            skew=self.skew,
            alpha=self.alpha,
            classes_each=self.classes_each,
            least=least,
        )

        # Of many peers each has few rows to choose and be tested on, from among fewer.
        most, pool = HELD_OUT // domains, POOL if domains > MANY else None
        trains: dict[str, Rows] = {}
        rest: dict[str, list[Rows]] = {}
        for i, (name, part) in enumerate(zip(self.names(domains), dealing.parts, strict=True)):
            trains[name] = self._turned(taken(train, order[part]), i)
            labels = trains[name][1]
            share = np.bincount(labels, minlength=10) / len(labels)
            chosen = _like(train[1][left[:pool]], share, min(VALIDATION, most), rng)
            tested = _like(test[1][:pool], share, min(TEST // 2, most), rng)
            parts = (taken(train, left[chosen]), taken(test, tested))
            rest[name] = [self._turned(rows, i) for rows in parts]
        found = federated(trains, rest, self.seed_share, rng, labels=self.seed_labels)
        return replace(found, notes=dealing.notes(least))

    def _turned(self, rows: Rows, peer: int) -> Rows:
        degrees = self.turn * peer % 360
        return (rotated(rows[0], degrees), rows[1]) if degrees else rows


def _like(
    labels: Int[np.ndarray, " rows"], share: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Indices of rows with these proportions of labels: `count`, or as many as the scarcest class
    allows; one at least.
    """
    there = np.bincount(labels, minlength=len(share))
    wanted = share > 0
    count = min(count, int((there[wanted] / share[wanted]).min()))
    order = rng.permutation(len(labels))
    picks = [order[labels[order] == c][: round(count * s)] for c, s in enumerate(share)]
    picked = np.concatenate(picks)
    # Few rows of many classes may all be rounded away.
    return picked if len(picked) else order[labels[order] == share.argmax()][:1]
