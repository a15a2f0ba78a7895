"""Views against bytes: what asking about the seed set in ever new views brings, and what it costs,
by schedule and by codec.

Five unlike networks on rotated MNIST, 30 rounds of 10 steps, private images augmented alike in
every row; payload bytes of one copy of all that a peer says, and test accuracy on all domains.
`python benchmarks/views.py --data-dir folder`: build/bench/views.json and views.svg.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from federations import ROUNDS, Federation, all_domains, ten
from fedh2l.algorithms.baselines import Alone, SeedOnly
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import Algorithm, run
from fedh2l.seedset import SeedSet
from fedh2l.wire import CODECS
from fedh2l.wire.codec import Codec
from fedh2l.wire.lattice import Lattice
from fedh2l.wire.state import WireState
from finished import (
    OUT,
    Result,
    arguments,
    load_or_compute,
    origins,
    show,
    spread,
    standard_error,
    write,
)

FRESH = "a fresh view each round"
MARKS = "sD^v<>"  # of the schedules in the drawing


@dataclass(frozen=True)
class Schedule:
    """`every`: rounds for which a view is kept.

    `turns`: so many views again and again, each coded against its own last frame; 0: ever new ones.
    """

    name: str
    codec: str = "float32"
    every: int = 1
    turns: int = 0
    passing: float = 0.1

    def coder(self) -> Codec:
        codec = CODECS[self.codec]
        return replace(codec, passing=self.passing) if isinstance(codec, Lattice) else codec


NOTHING = Schedule("nothing exchanged")
SCHEDULES = (
    NOTHING,
    Schedule(FRESH),
    *(Schedule(FRESH, "adaptive", passing=p) for p in (0.004, 0.1, 0.2, 0.4)),
    Schedule(FRESH, "lattice"),
    Schedule("a view kept for 5 rounds", "adaptive", every=5),
    Schedule("one view for ever", "adaptive", every=ROUNDS),
    Schedule("3 views in turn", "adaptive", turns=3, passing=0.02),
)


@dataclass(frozen=True, eq=False)
class InTurn(SeedSet):
    turns: int = 0

    def view_index(self, t: int) -> int:
        return super().view_index(t) % (self.turns or ROUNDS)


def measured(federation: Federation, schedule: Schedule, seed: int) -> Result:
    """One run: its bytes, and its accuracies in %."""
    base = federation.seeds
    seeds = InTurn(
        base.x,
        base.classes,
        base.labels,
        base.owners,
        view="geometry",
        every=schedule.every,
        turns=schedule.turns,
    )
    peers = replace(federation, seeds=seeds).peers(seed, augmented=True)
    algorithm: Algorithm = FedH2L(steps=federation.steps)
    if schedule is NOTHING:
        quiet = Alone if base.labels is None else SeedOnly
        algorithm = quiet(federation.steps)

    states: dict[tuple[str, int], WireState] = {}
    payload_bytes = 0.0
    for t in range(ROUNDS):
        # With views in turn each view has a chain of frames of its own.
        for p in peers if schedule.turns else ():
            p.wire = states.setdefault((p.name, seeds.view_index(t)), WireState(p.name))
        for r in run(algorithm, peers, rounds=t + 1, start=t, codec=schedule.coder()):
            payload_bytes += float(np.mean(list(r.sent.values()) or [0]))
    return {
        "schedule": schedule.name,
        "codec": schedule.codec,
        "passing": schedule.passing,
        "seed": seed,
        "sent": payload_bytes,
        "validation": all_domains(peers, federation.validation),
        "test": all_domains(peers, federation.test),
    }


def results_of(kind: str, folder: Path, seeds: Sequence[int]) -> dict[Schedule, list[Result]]:
    """A result per random seed and schedule, of the seed set `labelled` or `unlabelled`."""
    results: dict[Schedule, list[Result]] = {}
    for seed in seeds:
        for s in SCHEDULES:

            def compute(s: Schedule = s, seed: int = seed) -> Result:
                return measured(ten(folder, seed, labelled=kind == "labelled"), s, seed)

            name = f"views-{kind}-{s.name}-{s.codec}-{s.passing:g}-{seed}"
            results.setdefault(s, []).append(load_or_compute(name, compute))
    return results


def row(runs: Sequence[Result], quiet: Sequence[Result]) -> Result:
    """One entry of views.json.

    `quiet`: the runs of the same random seeds with nothing exchanged; what the exchange is worth is
    paired, in points.
    """
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
        "worth_standard_error": standard_error(worth),
        "validation_mean": float(np.mean([r["validation"] for r in runs])),
        **origins(runs),
    }


def shown(r: Result) -> dict[str, str]:
    """A row of the table on the screen."""
    codec = r["codec"] if r["codec"] == "float32" else f"{r['codec']} {r['passing']:g}"
    return {
        "schedule": r["schedule"],
        "codec": codec if r["bytes"] else "",
        "kB": f"{r['bytes'] / 1000:.1f}",
        "all domains %": f"{r['accuracy_mean']:.2f} ± {r['accuracy_std']:.2f}",
        "worth": f"{r['worth_mean']:+.2f} ± {r['worth_standard_error']:.2f}",
    }


def draw(rows_of: Mapping[str, Sequence[Result]]) -> None:
    """views.svg: accuracy by bytes, a panel for each kind of seed set."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for axis, (kind, rows) in zip(axes, rows_of.items(), strict=True):
        axis.set(
            title=f"seed set {kind}",
            xlabel="payload of one copy, kB in all",
            ylabel="accuracy on all domains, %",
            xscale="log",
        )
        line = [r for r in rows if r["schedule"] == FRESH and r["codec"] == "adaptive"]
        line.sort(key=lambda r: r["bytes"])
        kilobytes = [r["bytes"] / 1000 for r in line]
        axis.plot(kilobytes, [r["accuracy_mean"] for r in line], "o-", label=f"{FRESH}, adaptive")

        others = [r for r in rows if r not in line and r["bytes"]]
        for r, mark in zip(others, MARKS, strict=False):
            label = f"{r['schedule']}, {r['codec']}"
            axis.plot(r["bytes"] / 1000, r["accuracy_mean"], mark, label=label)
        axis.grid(alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="small")
    figure.savefig(OUT / "views.svg")


def main() -> None:
    options = arguments(__doc__, seeds=(0, 1, 2)).parse_args()
    torch.set_num_threads(1)
    rows_of: dict[str, list[Result]] = {}
    for kind in ("unlabelled", "labelled"):
        results = results_of(kind, options.data_dir, options.seeds)
        rows_of[kind] = [row(runs, results[NOTHING]) for runs in results.values()]
        title = f"views against bytes, seed set {kind}, random seeds {options.seeds}"
        show(title, [shown(r) for r in rows_of[kind]], texts=["schedule", "codec"])
    write("views.json", rows_of)
    draw(rows_of)


if __name__ == "__main__":
    main()
