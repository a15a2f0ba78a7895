"""Federations to measure codecs on: unlike networks on MNIST, with ten classes (digits) and with a
hundred (digit × angle).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from fedh2l.data.idx import load_mnist
from fedh2l.data.partition import partition
from fedh2l.data.rotate import rotated
from fedh2l.data.rotated_mnist import RotatedMnist
from fedh2l.learners.networks import NETWORKS
from fedh2l.learners.torch import TorchLearner
from fedh2l.metrics import accuracy
from fedh2l.peer import Peer
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from fedh2l.views import View, geometry

PEERS, ROUNDS, RATE = 5, 30, 3e-3
UNLIKE = ("mlp", "lenet", "wide-cnn", "resnet", "batchnorm-cnn")
ANGLES = tuple(range(0, 150, 15))  # of the hundred classes


@dataclass(frozen=True)
class Federation:
    """Every peer's private rows, the seed set, and rows to choose and to report on: of every peer's
    domain, or of all classes alike.
    """

    private: list[Rows]
    seeds: SeedSet
    validation: list[Rows]
    test: list[Rows]
    steps: int  # per round
    names: Sequence[str] = tuple(f"p{i}" for i in range(PEERS))  # of the peers
    warmup: int = 0  # rounds before the first exchange

    def peers(
        self,
        seed: int,
        models: Sequence[str] = UNLIKE,
        *,
        one_start: bool = False,
        augmented: bool = False,
    ) -> list[Peer]:
        """`one_start`: all begin with the same weights, as FedAvg must.

        `augmented`: private images are seen in ever new views.
        """
        augment = geometry if augmented else None
        return [
            Peer(name, self._learner(i, model, seed, one_start, augment), self.seeds)
            for i, (name, model) in enumerate(zip(self.names, models, strict=True))
        ]

    def _learner(
        self, i: int, model: str, seed: int, one_start: bool, augment: View | None
    ) -> TorchLearner:
        rows = self.private[i]
        torch.manual_seed(1000 * seed + (0 if one_start else i))
        net = NETWORKS[model](rows[0].shape[1:], len(self.seeds.classes))
        optimizer = torch.optim.Adam(net.parameters(), RATE, foreach=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, ROUNDS * self.steps)
        return TorchLearner(
            net,
            optimizer,
            rows,
            schedule=schedule,
            seed=1000 * seed + i,
            augment=augment,
            channels_last=True,
        )


def all_domains(peers: Sequence[Peer], parts: Sequence[Rows]) -> float:
    """Accuracy in %, the mean over peers and domains."""
    return 100 * float(
        np.mean([accuracy(p.learner.posteriors(x), y) for p in peers for x, y in parts])
    )


@cache
def ten(folder: Path, seed: int, *, labelled: bool = False) -> Federation:
    """Rotated MNIST: 900 private rows for each of five peers, 15° apart, and 500 seed rows."""
    data = RotatedMnist(seed_share=0.1, data_dir=folder).load(PEERS, seed)
    seeds = data.seed_set if labelled else data.seed_set.unlabelled()
    domains = list(data.domains.values())
    return Federation(
        private=[d.train for d in domains],
        seeds=seeds,
        validation=[d.validation for d in domains],
        test=[d.test for d in domains],
        steps=10,
        names=tuple(data.domains),
    )


@cache
def hundred(folder: Path, seed: int) -> Federation:
    """A class for each digit at each of ten angles: 15,000 private rows dealt out by Dirichlet(0.3)
    class by class; 1000 seed rows.

    The first exchange is after 12 rounds, chosen on validation images among 4, 8, 12, 16 and 20
    with float32 and random seed 0.
    """
    train, test = load_mnist(folder)
    rng = np.random.default_rng([seed, 7])
    order = rng.permutation(len(train[1]))
    rows = [
        _turned(train, part, rng)
        for part in np.split(order[: 15_000 + 1_000 + 3_000], [15_000, 16_000])
    ]
    parts = partition(rows[0][1], PEERS, rng, alpha=0.3, least=64).parts
    seeds = SeedSet(rows[1][0], tuple(f"{d}at{a}" for d in range(10) for a in ANGLES))
    private = [(rows[0][0][p], rows[0][1][p]) for p in parts]
    return Federation(
        private=private,
        seeds=seeds,
        validation=[rows[2]],
        test=[_turned(test, rng.permutation(len(test[1]))[:5_000], rng)],
        steps=30,
        warmup=12,
    )


def _turned(rows: Rows, pick: np.ndarray, rng: np.random.Generator) -> Rows:
    """Images at angles dealt out evenly, and their classes of a hundred."""
    which = rng.permutation(len(pick)) % len(ANGLES)
    x = rows[0][pick].copy()
    for k, angle in enumerate(ANGLES):
        x[which == k] = rotated(x[which == k], float(angle))
    return x, rows[1][pick] * len(ANGLES) + which
