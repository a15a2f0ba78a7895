"""Views against bytes: what asking about the seed set in ever new views brings, and what it costs,
by schedule and by codec.

Five unlike networks on rotated MNIST, 30 rounds of 10 steps, private images augmented alike in
every row; payload bytes of one copy of all that a peer says, and test accuracy on all domains.
`python benchmarks/views.py --data-dir folder`: build/bench/views.json and views.svg.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from codec import OUT, kept, provenance, spread
from federations import ROUNDS, Federation, all_domains, ten
from fedh2l.algorithms.baselines import Alone, SeedOnly
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import Algorithm, run
from fedh2l.seedset import SeedSet
from fedh2l.wire import codec_of
from fedh2l.wire.codec import Codec
from fedh2l.wire.lattice import Lattice
from fedh2l.wire.state import WireState


@dataclass(frozen=True)
class Schedule:
    """`every`: rounds for which a view is kept.

    `turns`: so many views again and again, each told against its own last frame.
    """

    name: str
    codec: str = "float32"
    every: int = 1
    turns: int = 0
    passing: float = 0.1

    def coder(self) -> Codec:
        codec = codec_of(self.codec)
        return replace(codec, passing=self.passing) if isinstance(codec, Lattice) else codec


NOTHING = Schedule("nothing exchanged")
SCHEDULES = (
    NOTHING,
    Schedule("a fresh view each round"),
    *(Schedule("a fresh view each round", "adaptive", passing=p) for p in (0.004, 0.1, 0.2, 0.4)),
    Schedule("a fresh view each round", "lattice"),
    Schedule("a view kept for 5 rounds", "adaptive", every=5),
    Schedule("one view for ever", "adaptive", every=ROUNDS),
    Schedule("3 views in turn", "adaptive", turns=3, passing=0.02),
)


@dataclass(frozen=True, eq=False)
class InTurn(SeedSet):
    turns: int = 0

    def view_index(self, t: int) -> int:
        return super().view_index(t) % (self.turns or ROUNDS)


def measured(federation: Federation, schedule: Schedule, seed: int) -> dict[str, Any]:
    base = federation.seeds
    seeds = InTurn(
        base.x,
        base.classes,
        base.labels,
        base.owners,
        "geometry",
        schedule.every,
        turns=schedule.turns,
    )
    peers = replace(federation, seeds=seeds).peers(seed, augmented=True)
    quiet = SeedOnly(federation.steps) if base.labels is not None else Alone(federation.steps)
    algorithm: Algorithm = quiet if schedule is NOTHING else FedH2L(steps=federation.steps)
    lines: dict[tuple[str, int], WireState] = {}
    sent = 0.0
    for t in range(ROUNDS):
        for p in peers if schedule.turns else ():
            p.wire = lines.setdefault((p.name, seeds.view_index(t)), WireState(p.name))
        for r in run(algorithm, peers, rounds=t + 1, start=t, codec=schedule.coder()):
            sent += float(np.mean(list(r.sent.values()) or [0]))
    told = {
        "schedule": schedule.name,
        "codec": schedule.codec,
        "passing": schedule.passing,
        "seed": seed,
        "sent": sent,
    }
    scores = {
        "validation": all_domains(peers, federation.validation),
        "test": all_domains(peers, federation.test),
    }
    return told | scores | provenance()


def row(runs: Sequence[dict[str, Any]], quiet: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tests = [r["test"] for r in runs]
    worth = [r["test"] - q["test"] for r, q in zip(runs, quiet, strict=True)]
    return {
        "schedule": runs[0]["schedule"],
        "codec": runs[0]["codec"],
        "passing": runs[0]["passing"],
        "n": len(runs),
        "bytes": float(np.mean([r["sent"] for r in runs])),
        "accuracy_mean": float(np.mean(tests)),
        "accuracy_std": spread(tests),
        "worth_mean": float(np.mean(worth)),
        "worth_standard_error": spread(worth) / len(worth) ** 0.5,
        "validation_mean": float(np.mean([r["validation"] for r in runs])),
        "seeds": [r["seed"] for r in runs],
        "commits": sorted({r["commit"] for r in runs}),
        "dates": sorted({r["date"] for r in runs}),
    }


def drawn(found: dict[str, list[dict[str, Any]]]) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for axis, (kind, rows) in zip(axes, found.items(), strict=True):
        axis.set(
            title=f"seed set {kind}",
            xlabel="payload of one copy, kB in all",
            ylabel="accuracy on all domains, %",
            xscale="log",
        )
        fresh = sorted(
            (r for r in rows if r["schedule"].startswith("a fresh") and r["codec"] == "adaptive"),
            key=lambda r: r["bytes"],
        )
        axis.plot(
            [r["bytes"] / 1000 for r in fresh],
            [r["accuracy_mean"] for r in fresh],
            "o-",
            label="a fresh view each round, adaptive",
        )
        others = [r for r in rows if r not in fresh and r["bytes"]]
        for r, mark in zip(others, "sD^v<>", strict=False):
            axis.plot(
                r["bytes"] / 1000, r["accuracy_mean"], mark, label=f"{r['schedule']}, {r['codec']}"
            )
        axis.grid(alpha=0.3)
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small"
    )
    figure.savefig(OUT / "views.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("FEDH2L_DATA"),
        required="FEDH2L_DATA" not in os.environ,
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[dict[str, Any]]] = {}
    for labelled, kind in enumerate(("unlabelled", "labelled")):
        table = Table(title=f"views against bytes, seed set {kind}, random seeds {asked.seeds}")
        for heading in ("schedule", "codec", "kB", "all domains %", "worth"):
            table.add_column(
                heading, justify="left" if heading in ("schedule", "codec") else "right"
            )
        by: dict[Schedule, list[dict[str, Any]]] = {}
        for seed in asked.seeds:
            for s in SCHEDULES:
                name = f"views-{kind}-{s.name}-{s.codec}-{s.passing:g}-{seed}"
                part = ten(asked.data_dir, seed, labelled=bool(labelled))
                by.setdefault(s, []).append(
                    kept(name, lambda p=part, s=s, seed=seed: measured(p, s, seed))
                )
        found[kind] = [row(runs, by[NOTHING]) for runs in by.values()]
        for r in found[kind]:
            codec = (
                ""
                if not r["bytes"]
                else r["codec"]
                if r["codec"] == "float32"
                else f"{r['codec']} {r['passing']:g}"
            )
            score = f"{r['accuracy_mean']:.2f} ± {r['accuracy_std']:.2f}"
            worth = f"{r['worth_mean']:+.2f} ± {r['worth_standard_error']:.2f}"
            table.add_row(r["schedule"], codec, f"{r['bytes'] / 1000:.1f}", score, worth)
        Console(width=140).print(table)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "views.json").write_text(json.dumps(found, indent=1))
    drawn(found)


if __name__ == "__main__":
    main()
