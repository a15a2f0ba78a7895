"""What lies do to the honest, with the guard and without: every attack on digits, heart disease and
rotated MNIST.

`make bench-attacks`; finished cells are kept, so it can be stopped and called again. The peers have
small networks in numpy (numpy_mlp.py), 24 rounds of 10 steps, no views. Writes
build/bench/attacks.json and attacks.csv: accuracy on all domains in %, the mean over the honest.
"""

import argparse
import csv
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fedh2l.algorithms.attacks import ATTACKS
from fedh2l.algorithms.baselines import Alone
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.guarded import Guarded, verdicts
from fedh2l.algorithms.poisoned import Poisoned
from fedh2l.data.digits import Digits
from fedh2l.data.domains import FederatedData
from fedh2l.data.heart_disease import HeartDisease
from fedh2l.data.rotated_mnist import RotatedMnist
from fedh2l.data.skewed_mnist import SkewedMnist
from fedh2l.loop import Algorithm, run
from fedh2l.message import Inbox, Message
from fedh2l.metrics import accuracy
from fedh2l.peer import Peer
from finished import Result, load_or_compute, write
from numpy_mlp import Featured

ROUNDS, STEPS = 24, 10
LIARS = {0: (), 1: (1,), 2: (1, 3), 3: (1, 3, 6)}  # which of the peers lie
HONEST = ("alone", "clean", "absent")


class Cell(NamedTuple):
    data: str
    peers: int
    liars: int
    attack: str  # or alone: nothing is exchanged; clean: nobody lies; absent: the liars are silent
    labelled: bool
    guard: bool
    seed: int

    @property
    def name(self) -> str:
        labels = "labelled" if self.labelled else "unlabelled"
        guard = "guarded" if self.guard else "open"
        parts = (self.data, self.peers, self.liars, self.attack, labels, guard, self.seed)
        return "attacks-" + "-".join(map(str, parts))


@dataclass(frozen=True)
class Absent:
    """The method, with some peers that say nothing: what the honest reach by themselves."""

    method: Algorithm
    silent: tuple[str, ...]

    def speak(self, peer: Peer, t: int) -> Message | None:
        return None if peer.name in self.silent else self.method.speak(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        return self.method.listen(peer, t, inbox)


def data_of(cell: Cell, mnist: Path | None, heart: Path | None) -> FederatedData:
    if cell.data == "digits":
        return Digits().load(cell.peers, cell.seed)
    if cell.data == "heart":
        return HeartDisease(data_dir=heart).load(cell.peers, cell.seed)
    kind = RotatedMnist if cell.data == "rotated" else SkewedMnist
    return kind(data_dir=mnist, rows=300, seed_share=0.1).load(cell.peers, cell.seed)


def method_of(cell: Cell, liars: tuple[str, ...]) -> Algorithm:
    if cell.attack == "alone":
        return Alone(steps=STEPS)
    method: Algorithm = FedH2L(steps=STEPS)
    if cell.guard:
        method = Guarded(method)
    if cell.attack == "clean":
        return method
    return (
        Absent(method, liars) if cell.attack == "absent" else Poisoned(method, liars, cell.attack)
    )


def compute(cell: Cell, mnist: Path | None, heart: Path | None) -> Result:
    data = data_of(cell, mnist, heart)
    seeds = data.seed_set if cell.labelled else data.seed_set.unlabelled()
    names = list(data.domains)
    peers = [
        Peer(n, Featured(data, n, steps=ROUNDS * STEPS, seed=1000 * cell.seed + i), seeds)
        for i, n in enumerate(names)
    ]
    liars = tuple(names[i] for i in LIARS[cell.liars])
    for _ in run(method_of(cell, liars), peers, rounds=ROUNDS):
        pass
    honest = [p for p in peers if p.name not in liars]
    drops = {(p.name, v.sender) for p in honest for v in verdicts(p) if v.dropped}
    tests = [domain.test for domain in data.domains.values()]
    scores = [np.mean([accuracy(p.learner.posteriors(x), y) for x, y in tests]) for p in honest]
    return {
        **cell._asdict(),
        "test": 100 * float(np.mean(scores)),
        "least": 100 * float(np.min(scores)),
        # Pairs of an honest peer and a sender that its guard dropped at some time.
        "honest_dropped": sum(sender not in liars for _, sender in drops),
        "liars_dropped": sum(sender in liars for _, sender in drops),
    }


def cells(seeds: range) -> Iterator[Cell]:
    """In the order in which they matter."""
    settings = [
        ("digits", 5, 2, False),
        ("digits", 5, 1, False),
        ("heart", 4, 1, False),
        ("digits", 8, 3, False),
        ("digits", 5, 2, True),
        ("rotated", 5, 2, False),
        ("digits", 8, 1, False),
        ("digits", 8, 2, False),
        ("skewed", 5, 1, False),
        ("heart", 4, 1, True),
        ("digits", 8, 3, True),
    ]
    for data, peers, liars, labelled in settings:
        for seed in seeds:
            for attack in (*HONEST, *ATTACKS):
                for guard in (True,) if attack not in HONEST else (False,):
                    yield Cell(data, peers, liars, attack, labelled, guard, seed)
            yield Cell(data, peers, liars, "clean", labelled, True, seed)
            for attack in ATTACKS:
                yield Cell(data, peers, liars, attack, labelled, False, seed)


def mean_of(
    by: dict[tuple[str, bool, int], Result], attack: str, guard: bool, seeds: list[int]
) -> float | None:
    """Of the cells of these random seeds; None where one of them is not finished."""
    values = [by[attack, guard, s]["test"] for s in seeds if (attack, guard, s) in by]
    return statistics.mean(values) if len(values) == len(seeds) else None


def rows_of(results: list[Result]) -> Iterator[Result]:
    """A row for each setting and attack: means over the seeds, and what is kept of the gain."""
    settings = dict.fromkeys((r["data"], r["peers"], r["liars"], r["labelled"]) for r in results)
    for data, peers, liars, labelled in settings:
        its = [
            r
            for r in results
            if (r["data"], r["peers"], r["liars"], r["labelled"]) == (data, peers, liars, labelled)
        ]
        by = {(r["attack"], r["guard"], r["seed"]): r for r in its}
        for attack in ("clean", *ATTACKS):
            base = "clean" if attack == "clean" else "absent"
            seeds = sorted(
                s
                for a, guard, s in by
                if (a, guard) == (attack, True)
                and ("alone", False, s) in by
                and (base, False, s) in by
            )
            if not seeds:
                continue

            alone, best, guarded = (
                mean_of(by, what, guard, seeds)
                for what, guard in (("alone", False), (base, False), (attack, True))
            )
            assert alone is not None and best is not None and guarded is not None
            yield {
                "data": data,
                "peers": peers,
                "liars": liars,
                "labelled": labelled,
                "attack": attack,
                "seeds": " ".join(map(str, seeds)),
                "alone": alone,
                "without_liars": best,
                "open": mean_of(by, attack, False, seeds),
                "guarded": guarded,
                "kept": 100 * (guarded - alone) / (best - alone),
                "honest_dropped": sum(by[attack, True, s]["honest_dropped"] for s in seeds),
                "liars_dropped": sum(by[attack, True, s]["liars_dropped"] for s in seeds),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's IDX files")
    parser.add_argument("--heart", type=Path, help="folder of UCI's processed files")
    parser.add_argument("--seeds", type=int, default=5, help="random seeds 0 to this, exclusive")
    parser.add_argument("--cells", type=int, help="only so many, in the order of their weight")
    options = parser.parse_args()

    results: list[Result] = []
    for i, cell in enumerate(cells(range(options.seeds))):
        if options.cells is not None and i >= options.cells:
            break
        results.append(
            load_or_compute(cell.name, lambda c=cell: compute(c, options.mnist, options.heart))
        )
    rows = list(rows_of(results))
    write("attacks.json", {"rows": rows, "cells": results})
    with Path("build/bench/attacks.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
