"""What a privacy budget costs: rotated MNIST at ε = 8, 4 and 2, against the same without noise, and
against the seed labels alone.

`make bench-privacy DATA=folder`; finished cells are kept, so it can be stopped and called again.
Writes build/bench/privacy.json: accuracy on all domains in %, the mean over the peers. With --tune
the settings that were tried, on validation rows, at ε = 8 and random seed 0.
"""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from fedh2l.algorithms.baselines import Alone, Pooled, SeedOnly, labelled_lesson
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.data.domains import FederatedData
from fedh2l.data.rotated_mnist import RotatedMnist
from fedh2l.learner import Accounted, Learner
from fedh2l.learners.model import Training
from fedh2l.learners.networks import trained
from fedh2l.learners.privacy import CLIP, DRAWN, RATE, Privacy
from fedh2l.loop import Algorithm, run
from fedh2l.message import Inbox
from fedh2l.metrics import accuracy
from fedh2l.peer import Peer
from fedh2l.record.ledger import Ledger
from fedh2l.views import VIEWS
from finished import Result, arguments, load_or_compute, origins, show, spread, write

NETWORKS = ("narrow", "strided", "narrow")  # small ones: noise grows with the parameters
ROUNDS, STEPS = 40, 10
# All of MNIST's 60,000 training images: 20,000 for each of three peers, less 250 to choose by; of
# the others 60 are seeds.
ROWS, SEEDS = 19750, 60
BUDGETS = (8.0, 4.0, 2.0)
# What was tried on validation rows; with another factor GAIN in learners/privacy.py, and another
# LONGEST, by hand.
TRIED: tuple[Mapping[str, Any], ...] = ({}, {"rate": 0.05}, {"rate": 0.3}, {"rate": 1.0})


class Cell(NamedTuple):
    method: str
    epsilon: float | None
    seed: int
    rate: float = RATE
    clip: float = CLIP
    drawn: int = DRAWN  # private rows in a step, on average

    @property
    def name(self) -> str:
        return "privacy-" + "-".join(map(str, self))


@dataclass(frozen=True)
class SeedsAlone:
    """The seed labels, and no private row: what private rows are worth is counted from here."""

    steps: int

    def speak(self, peer: Peer, t: int) -> None:
        return None

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        lesson = labelled_lesson(peer.seed_set, t, reuse=3, batch=48)
        assert lesson is not None
        return peer.learn(lesson._replace(follow="seed"), self.steps)


# Each with its name in the table, and whether it is run within budgets, too.
METHODS: dict[str, tuple[Algorithm, str, bool]] = {
    "fedh2l": (FedH2L(steps=STEPS), "FedH2L", True),
    "seed-only": (SeedOnly(steps=STEPS), "seed-only", True),
    "alone": (Alone(steps=STEPS), "alone", True),
    "pooled": (Pooled(steps=STEPS), "pooled", False),
    "seeds-alone": (SeedsAlone(STEPS), "seed labels, no private row", False),
}


def network(name: str) -> nn.Module:
    """A perceptron of 25,000 parameters, or a convolutional network of 8,000."""
    if name == "narrow":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
    body = [nn.Conv2d(1, 16, 5, stride=3), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU()]
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(288, 10))


@lru_cache(maxsize=1)
def data_of(seed: int, folder: Path) -> FederatedData:
    kind = RotatedMnist(data_dir=folder, rows=ROWS, seed_share=SEEDS / ROWS)
    data = kind.load(len(NETWORKS), seed)
    seeds = replace(data.seed_set, view="geometry", every=1, mixtures=True)
    return replace(data, seed_set=seeds)


def learner_of(cell: Cell, data: FederatedData, i: int) -> Learner:
    """The learner of the i-th peer, as a run builds those of named networks."""
    is_pooled = cell.method == "pooled"
    rows = data.pooled(labelled=True) if is_pooled else data.domains[list(data.domains)[i]].train
    training = Training(
        steps=ROUNDS * STEPS,
        batch=cell.drawn + (48 if is_pooled else 0),
        rate=cell.rate,
        augment=VIEWS["geometry"],
        seed=1000 * cell.seed + i,
        start=1000 * cell.seed + i,
        seed_set=data.seed_set,
        private=True,  # SGD with momentum also without noise: what noise costs, and nothing else
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.start)
        model = network(NETWORKS[i])
    learner = trained(model, rows, training)
    if cell.epsilon is None:
        return learner
    privacy = Privacy(
        epsilon=cell.epsilon, clip=cell.clip, sampling=min(1.0, cell.drawn / len(rows[1]))
    )
    return privacy.learner(learner, Ledger(), training.steps)


def compute(cell: Cell, folder: Path) -> Result:
    data = data_of(cell.seed, folder)
    names = list(data.domains)
    peers = [Peer(n, learner_of(cell, data, i), data.seed_set) for i, n in enumerate(names)]
    for _ in run(METHODS[cell.method][0], peers, rounds=ROUNDS):
        pass
    result: Result = {**cell._asdict(), "rows": len(data.domains[names[0]].train[1])}
    for part in ("validation", "test"):
        everywhere = [getattr(domain, part) for domain in data.domains.values()]
        scores = [accuracy(p.learner.posteriors(x), y) for p in peers for x, y in everywhere]
        result[part] = 100 * float(np.mean(scores))
    spent = [p.learner.spent()._asdict() for p in peers if isinstance(p.learner, Accounted)]
    return result | {"spent": spent}


def cells(seeds: list[int]) -> Iterator[Cell]:
    """In the order in which they matter."""
    for seed in seeds:
        for method in METHODS:
            yield Cell(method, None, seed)
        for method, (_, _, within) in METHODS.items():
            for epsilon in BUDGETS if within else ():
                yield Cell(method, epsilon, seed)


Finished = dict[tuple[str, float | None], list[Result]]


def row_of(title: str, finished: Finished, method: str) -> dict[str, str]:
    row = {"": title}
    for epsilon in (None, *BUDGETS):
        scores = [r["test"] for r in finished.get((method, epsilon), [])]
        row[heading(epsilon)] = (
            f"{statistics.mean(scores):.1f} ± {spread(scores):.1f}" if scores else ""
        )
    return row


def heading(epsilon: float | None) -> str:
    return "no noise" if epsilon is None else f"ε = {epsilon:g}"


def kept(finished: Finished) -> dict[str, str]:
    """Of what private rows are worth without noise, the share that is left within each budget."""

    def mean(method: str, epsilon: float | None) -> float:
        return statistics.mean(r["test"] for r in finished[method, epsilon])

    row = {"": "share of the private rows' worth kept", heading(None): "100 %"}
    without = mean("seeds-alone", None)
    for epsilon in BUDGETS:
        if finished.get(("fedh2l", epsilon)):
            share = (mean("fedh2l", epsilon) - without) / (mean("fedh2l", None) - without)
            row[heading(epsilon)] = f"{100 * share:.0f} %"
    return row


def tune(folder: Path) -> None:
    for changes in TRIED:
        cell = Cell("fedh2l", 8.0, 0)._replace(**changes)
        result = load_or_compute(cell.name, lambda c=cell: compute(c, folder))
        print(f"{dict(changes) or 'as it is'}: validation {result['validation']:.2f} %")


def main() -> None:
    parser = arguments(__doc__, seeds=(0, 1))
    parser.add_argument("--tune", action="store_true", help="what was tried on validation rows")
    options = parser.parse_args()
    if options.tune:
        tune(options.data_dir)
        return
    results = [
        load_or_compute(c.name, lambda c=c: compute(c, options.data_dir))
        for c in cells(options.seeds)
    ]
    finished: Finished = {}
    for r in results:
        finished.setdefault((r["method"], r["epsilon"]), []).append(r)
    rows = [row_of(title, finished, method) for method, (_, title, _) in METHODS.items()]
    show("test accuracy on all domains, %", [*rows, kept(finished)], [""])
    write(
        "privacy.json", {"rows": rows, "kept": kept(finished), **origins(results), "cells": results}
    )


if __name__ == "__main__":
    main()
