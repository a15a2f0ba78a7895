"""Federations of unlike kinds of models, on digits, a table, pictures and few labels: what each
peer reaches alone, by the seed labels only, and by the exchange.

`make bench-models`. Every run is a `fedh2l run` below build/bench/models; finished ones are kept,
so it can be stopped and called again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from drawn_images import write_folder
from finished import OUT, ROOT, provenance
from models_table import markdown, table

NINE = "lenet resnet vit extra-trees lightgbm xgboost jax-mlp keras-mlp pipeline"
# The same networks on the same domains, with other networks in the trees' places.
NETS = "lenet resnet vit mlp mlp mlp jax-mlp keras-mlp mlp"
BACKBONES = ROOT / "benchmarks" / "backbones.py"
MEASURES = ("own_accuracy", "all_domain_accuracy", "worst_domain_accuracy", "all_domain_auc")


@dataclass(frozen=True)
class Federation:
    """flags: of `fedh2l run`. data: the folder of the data it needs, None: it needs none.

    seeds: how many random seeds, and so splits of the data, it is run with: few rows need many.
    unlabelled: run it a second time with the seed labels withheld.
    """

    name: str
    flags: str
    seeds: int
    data: Path | None = None
    unlabelled: bool = True


def federations(data: Path, drawn: Path) -> list[Federation]:
    """All of them; `data` holds mnist/ and heart-disease/."""
    heart, mnist = data / "heart-disease", data / "mnist"
    partly = "--data rotated-mnist --seed-share 0.11 --seed-labels 60 --rounds 50 --baselines"
    few = "--seed-share 0.5 --seed-labels 60 --rounds 40 --no-views"
    pictures = f"--data {drawn} --side 64 --colour {few}"
    own = _peers(" ".join(f"{BACKBONES}:{name}" for name in ("lite0", "lite1", "lite2", "small")))
    return [
        Federation("digits, nine kinds", f"--data digits {_peers(NINE)}", 5),
        Federation("digits, nets alone", f"--data digits {_peers(NETS)}", 5, unlabelled=False),
        Federation(
            "digits, 40 labels",
            f"--data digits --seed-labels 40 {_peers(NINE)}",
            5,
            unlabelled=False,
        ),
        Federation("heart disease", f"--data heart-disease --data-dir {heart}", 20, heart),
        Federation(
            "rotated MNIST, 60 labels", f"{partly} --data-dir {mnist}", 2, mnist, unlabelled=False
        ),
        Federation(
            "drawn images, pretrained", f"{pictures} {own} --workers 1", 3, unlabelled=False
        ),
    ]


def _peers(models: str) -> str:
    return f"--peers {models} --baselines"


def finished(federation: Federation, seed: int, *, unlabelled: bool) -> dict[str, Any]:
    """summary.json of one run; a run that was begun is gone on with."""
    kind = "unlabelled" if unlabelled else "labelled"
    folder = (
        OUT / "models" / f"{federation.name.replace(', ', '-').replace(' ', '-')}-{kind}-{seed}"
    )
    summary, origin = folder / "summary.json", folder / "provenance.json"
    # Without an origin nobody knows with which code a finished run was made.
    if not origin.exists():
        words = [sys.executable, "-m", "fedh2l", "run"]
        begun = (folder / "config.toml").exists() and not summary.exists()
        words += (
            ["--resume", str(folder)]
            if begun
            else [
                *federation.flags.split(),
                *("--seed", str(seed), "--out", str(folder), "--overwrite"),
                *(["--unlabelled"] if unlabelled else []),
            ]
        )
        print(" ".join(words), flush=True)
        subprocess.run(words, check=True)
        origin.write_text(json.dumps(provenance()))
    return json.loads(summary.read_text()) | json.loads(origin.read_text())


def entry(federation: Federation, seeds: Sequence[int]) -> dict[str, Any]:
    """The federation's part of models.json: for each peer what it reached, over the seeds."""
    labelled = [finished(federation, seed, unlabelled=False) for seed in seeds]
    withheld = (
        [finished(federation, seed, unlabelled=True) for seed in seeds]
        if federation.unlabelled
        else []
    )
    peers: dict[str, Any] = {}
    for name, peer in labelled[0]["peers"].items():
        cells = {
            "alone": [run["baselines"]["alone"]["peers"][name] for run in labelled],
            "seed_only": [run["baselines"]["seed-only"]["peers"][name] for run in labelled],
            "pooled": [run["baselines"]["pooled"]["peers"][name] for run in labelled],
            "fedh2l": [run["peers"][name] for run in labelled],
            "unlabelled": [run["peers"][name] for run in withheld],
        }
        measured = {cell: _measured(scores) for cell, scores in cells.items() if scores}
        # Every figure was measured, none is projected from fewer rounds or rows.
        peers[name] = {"kind": peer["model"], **measured, "projected": False}
    runs = [*labelled, *withheld]
    return {
        "federation": federation.name,
        "command": f"fedh2l run {federation.flags}",
        "seeds": list(seeds),
        "peers": peers,
        "closed": _share_closed(peers),
        "commit": ", ".join(sorted({run["commit"] for run in runs})),
        "date": ", ".join(sorted({run["date"] for run in runs})),
    }


def _share_closed(peers: dict[str, Any]) -> float | None:
    """How much of the way from seed-only to pooled the exchange closes, of the peers' means; None
    where pooled is not above seed-only.
    """
    means = {
        cell: statistics.fmean(peer[cell]["mean"] for peer in peers.values())
        for cell in ("seed_only", "fedh2l", "pooled")
    }
    way = means["pooled"] - means["seed_only"]
    return (means["fedh2l"] - means["seed_only"]) / way if way > 0 else None


def _measured(scores: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Accuracy on all domains in %: mean, standard deviation, n; the other measures' means."""
    values = [100 * score["all_domain_accuracy"] for score in scores]
    spread = statistics.stdev(values) if len(values) > 1 else None
    others = {
        name: 100 * statistics.fmean(score[name] for score in scores)
        for name in MEASURES
        if name in scores[0]
    }
    return {"mean": statistics.fmean(values), "std": spread, "n": len(values)} | others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="holds mnist/, heart-disease/"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="random seeds; by default as many as each needs"
    )
    parser.add_argument("--only", nargs="+", default=[], help="words in a federation's name")
    arguments = parser.parse_args()
    drawn = OUT / "drawn"
    if not drawn.exists():
        write_folder(drawn, each=100)

    path = OUT / "models.json"
    # What was computed before, of the federations that are left out now, stays.
    entries = {e["federation"]: e for e in json.loads(path.read_text())} if path.exists() else {}
    for federation in federations(arguments.data, drawn):
        if arguments.only and not any(word in federation.name for word in arguments.only):
            continue
        if federation.data is not None and not federation.data.is_dir():
            print(f"{federation.name}: left out, {federation.data} is no folder; give --data")
            continue
        entries[federation.name] = entry(federation, arguments.seeds or range(federation.seeds))
        path.write_text(json.dumps(list(entries.values()), indent=1))
    (OUT / "models.md").write_text("\n".join(map(markdown, entries.values())))
    Console(width=140).print(table(list(entries.values())))


if __name__ == "__main__":
    main()
