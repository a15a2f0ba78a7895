"""MNIST as a federation of unlike labels: each class dealt out by a Dirichlet distribution."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from cyclopts import Parameter

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import FederatedData, check_domains
from fedh2l.data.idx import load_mnist
from fedh2l.data.rotated_mnist import TEST, VALIDATION, RotatedMnist
from fedh2l.data.split import dirichlet, federated, taken
from fedh2l.rows import Rows

LEAST = 64  # training rows of a peer; a draw in which one has fewer is drawn again


@dataclass(frozen=True, kw_only=True)
class SkewedMnist:
    """MNIST with labels by Dirichlet (arXiv:1909.06335): upright, other proportions for each peer.

    Parameters
    ----------
    domains
        How many peers, each on a domain of its own; by default as many as models.
    rows
        Private rows per peer on average, before the seeds are taken out.
    alpha
        Concentration of the Dirichlet distribution of labels; small is skewed.
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
    rows: int = bounded(1000, least=LEAST)
    # Below a thousandth the draw has no number left to draw with.
    alpha: float = bounded(0.1, least=0.001)
    seed_share: float = bounded(0.05, above=0, most=0.9)
    seed_labels: int | None = bounded(None, least=1)
    data_dir: Annotated[Path | None, Parameter(env_var="FEDH2L_DATA")] = None

    def __post_init__(self) -> None:
        check_fields(self)

    def names(self, domains: int) -> list[str]:
        """skew0, skew1 …"""
        return [f"skew{i}" for i in range(domains)]

    def load(self, domains: int, seed: int) -> FederatedData:
        """`domains`·`rows` images dealt out class by class.

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
        parts = dirichlet(train[1][dealt], domains, self.alpha, rng, least=LEAST)

        trains: dict[str, Rows] = {}
        rest: dict[str, list[Rows]] = {}
        for name, part in zip(self.names(domains), parts, strict=True):
            trains[name] = taken(train, order[part])
            labels = trains[name][1]
            share = np.bincount(labels, minlength=10) / len(labels)
            rest[name] = [
                _like(taken(train, left), share, VALIDATION, rng),
                _like(test, share, TEST // 2, rng),
            ]
        return federated(trains, rest, self.seed_share, rng, labels=self.seed_labels)


def _like(rows: Rows, share: np.ndarray, count: int, rng: np.random.Generator) -> Rows:
    """Rows with these proportions of labels: `count`, or as many as the scarcest class allows."""
    there = np.bincount(rows[1], minlength=len(share))
    wanted = share > 0
    count = min(count, int((there[wanted] / share[wanted]).min()))
    order = rng.permutation(len(rows[1]))
    picks = [order[rows[1][order] == c][: round(count * s)] for c, s in enumerate(share)]
    return taken(rows, np.concatenate(picks))
