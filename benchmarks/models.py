"""Federations of many kinds of model: alone, with the seed labels, by the exchange.

`make bench-models`. Finished runs are kept in build/bench/models/, so it can be stopped and called
again. Writes build/bench/models.json and prints it as a table.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedh2l.data import DATASETS
from finished import OUT, ROOT, provenance

RUNS = OUT / "models"
SCORE = "all_domain_accuracy"
KINDS = (
    "mlp",
    "lenet",
    "vit",
    "forest",
    "extra-trees",
    "lightgbm",
    "xgboost",
    "jax-mlp",
    "keras-mlp",
    "pipeline",
)
NETS = ("mlp", "lenet", "vit", "jax-mlp", "keras-mlp")
METHODS = {
    "alone": "--algorithm alone",
    "seed_only": "--algorithm seed-only",
    "fedh2l": "",
    "unlabelled": "--unlabelled",
}


@dataclass(frozen=True)
class Federation:
    """Models on the domains of a data set.

    methods: which are run, by their names in `METHODS`.
    """

    name: str
    data: str
    models: Sequence[str]
    methods: Sequence[str] = tuple(METHODS)
    flags: str = ""

    def command(self, method: str, seed: int) -> str:
        return (
            f"run --data {self.data} --peers {' '.join(self.models)} {METHODS[method]} "
            f"--no-baselines --seed {seed} {self.flags}"
        )

    def folder(self, method: str, seed: int) -> Path:
        return RUNS / self.name / f"{method}-{seed}"


# The same nets in the company of other nets: what the trees' company costs them.
WITHOUT_TREES = tuple(kind if kind in NETS else "mlp" for kind in KINDS)
FEDERATIONS = (
    Federation("digits", "digits", KINDS),
    Federation("digits-nets", "digits", WITHOUT_TREES, methods=("fedh2l", "unlabelled")),
    Federation("digits-partly", "digits", KINDS, flags="--seed-labels 40"),
    Federation("heart-disease", "heart-disease", ("lightgbm", "mlp", "logistic", "forest")),
)


def do(federation: Federation, method: str, seed: int) -> None:
    """Run it, or go on with it where it was stopped."""
    folder = federation.folder(method, seed)
    if (folder / "summary.json").exists():
        return
    words = federation.command(method, seed).split()
    print("fedh2l", *words, flush=True)
    place = ["--resume"] if (folder / "config.toml").exists() else ["--out"]
    command = [sys.executable, "-m", "fedh2l", *words, *place, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    (folder / "provenance.json").write_text(json.dumps(provenance()))


def result(federation: Federation, seeds: Sequence[int]) -> dict[str, Any]:
    """The federation's entry in models.json, from the runs that are finished."""
    scores: dict[str, dict[str, list[float]]] = {}
    kinds: dict[str, str] = {}
    measured: list[Mapping[str, str]] = []
    for method in federation.methods:
        for seed in seeds:
            folder = federation.folder(method, seed)
            if not (folder / "provenance.json").exists():
                continue
            measured.append(json.loads((folder / "provenance.json").read_text()))
            for name, peer in json.loads((folder / "summary.json").read_text())["peers"].items():
                kinds[name] = peer["model"]
                of_method = scores.setdefault(name, {}).setdefault(method, [])
                of_method.append(100 * peer[SCORE])

    peers = {
        name: {"kind": kinds[name]}
        | {method: spread(of_method) for method, of_method in methods.items()}
        | {"projected": False}  # every figure was measured, none extrapolated
        for name, methods in scores.items()
    }
    last = max(measured, key=lambda each: each["date"], default={"commit": "", "date": ""})
    return {"federation": federation.name, "peers": peers, **last}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation in percent, and of how many seeds."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.mean(values), "std": deviation, "n": len(values)}


def table(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Markdown, a row for each peer."""
    yield "| federation | peer | kind | alone | seed-only | FedH2L | unlabelled |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for federation in results:
        for name, peer in federation["peers"].items():
            cells = [f"{peer[m]['mean']:.1f}" if m in peer else "–" for m in METHODS]
            yield f"| {federation['federation']} | {name} | {peer['kind']} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--only", nargs="+", default=[f.name for f in FEDERATIONS])
    asked = parser.parse_args()

    known = [f for f in FEDERATIONS if f.data in DATASETS and f.name in asked.only]
    for seed in asked.seeds:
        for federation in known:
            for method in federation.methods:
                do(federation, method, seed)
    results = [result(federation, asked.seeds) for federation in known]
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "models.json").write_text(json.dumps(results, indent=2))
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
