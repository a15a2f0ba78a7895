"""The tables of a run's report: scores, who is good where, how far apart peers are."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from fedh2l.commands.pages.page import MOST, MOST_ROWS
from fedh2l.commands.privacy_text import budgets
from fedh2l.commands.table import drops, lies
from fedh2l.record.units import budget, percent, size

HEADINGS = {
    "own_accuracy": "own domain",
    "all_domain_accuracy": "all domains",
    "worst_domain_accuracy": "worst domain",
    "own_auc": "own AUC",
    "all_domain_auc": "all-domain AUC",
    "own_ece": "own ECE",
    "all_domain_ece": "all-domain ECE",
    "own_nll": "own NLL",
    "all_domain_nll": "all-domain NLL",
}


def score_table(summary: dict[str, Any]) -> dict[str, Any]:
    """The scores that this run has, peer by peer and as the mean of each cell."""
    keys = [key for key in HEADINGS if key in summary["mean"]]
    peers = {
        name: {
            "model": peer["model"],
            "scores": [_score(key, peer.get(key)) for key in keys],
            "sent": size(peer["payload_bytes_sent"]),
            "spent": budget(peer.get("privacy")),
        }
        for name, peer in list(summary["peers"].items())[:MOST_ROWS]
    }
    sent = sum(p["payload_bytes_sent"] for p in summary["peers"].values()) / len(summary["peers"])
    amounts = {summary["algorithm"]: size(sent), "pooled": "all data"}
    means = {
        name: {
            "scores": [_score(key, mean.get(key)) for key in keys],
            "sent": amounts.get(name, size(0)),
        }
        for name, mean in {summary["algorithm"]: summary["mean"], **summary["baselines"]}.items()
    }
    return {
        "headings": [HEADINGS[key] for key in keys],
        "has_budget": any("privacy" in peer for peer in summary["peers"].values()),
        "peers": peers,
        "means": means,
        "left_out": len(summary["peers"]) - len(peers),
        "notes": _notes(keys, summary),
    }


def _score(key: str, value: float | None) -> str:
    if value is None or not key.endswith("nll"):
        return percent(value)
    return f"{value:.3f}"


def _notes(keys: Sequence[str], summary: dict[str, Any]) -> list[str]:
    """Whose figures the means are, and what the headings mean that not everybody knows."""
    notes: list[str] = []
    if summary.get("liars"):
        said = lies(summary)
        notes.append(f"{said[0].upper()}{said[1:]}.")
    sentences = [*drops(summary), *budgets(summary)]
    notes += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences]
    if any(key.endswith("auc") for key in keys):
        second = summary["seed_set"]["classes"][1]
        notes.append(
            f"AUC: the area under the ROC curve of class {second}, in %, over the domains whose "
            "test rows have both classes."
        )
    if any(key.endswith(("ece", "nll")) for key in keys):
        notes.append(
            "ECE: the expected calibration error, in %: how far what a model says of its own "
            "certainty is from how often it is right. NLL: the negative log-likelihood of the "
            "labels. Of both, less is better."
        )
    return notes


def domain_matrix(summary: dict[str, Any]) -> dict[str, Any] | None:
    """Who is good where: the accuracy of every peer on every domain; None where that was not kept,
    or where there are too many.
    """
    peers = summary["peers"]
    if len(peers) > MOST or not all("domain_accuracies" in p for p in peers.values()):
        return None
    before = summary["baselines"].get("alone", {}).get("peers", {})
    columns = list(next(iter(peers.values()))["domain_accuracies"])
    values = [p["domain_accuracies"][d] for p in peers.values() for d in columns]
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, peer in peers.items():
        alone = before.get(name, {}).get("domain_accuracies")
        rows[name] = [
            {
                "now": peer["domain_accuracies"][d],
                "gain": None if alone is None else peer["domain_accuracies"][d] - alone[d],
                "own": d == name,
                "depth": _depth(peer["domain_accuracies"][d], values),
            }
            for d in columns
        ]
    return {"columns": columns, "rows": rows}


Distances = Mapping[str, Mapping[str, float]]  # of each receiver to the authors that it heard


def apart_matrix(
    first: Distances, last: Distances, rounds: tuple[int, int]
) -> dict[str, Any] | None:
    """How far receivers are from the authors that they heard, in the first and in the last round;
    None where nobody heard anybody, or where there are too many.
    """
    early, late = _by_pair(first), _by_pair(last)
    names = sorted({name for pair in (*early, *late) for name in pair})
    if not names or len(names) > MOST:
        return None

    most = max([*early.values(), *late.values()]) or 1.0
    rows: dict[str, list[dict[str, Any] | None]] = {name: [] for name in names}
    for receiver, author in product(names, names):
        pair = (receiver, author)
        cell = {
            "first": percent(early.get(pair)),
            "last": percent(late.get(pair)),
            "depth": late.get(pair, 0.0) / most,
        }
        rows[receiver].append(cell if pair in early or pair in late else None)
    return {"columns": names, "rows": rows, "first": rounds[0], "last": rounds[1]}


def _by_pair(distances: Distances) -> dict[tuple[str, str], float]:
    return {(receiver, a): d for receiver, row in distances.items() for a, d in row.items()}


def _depth(value: float, values: Sequence[float]) -> float:
    """The depth of a cell's colour: where its value lies between the least and the greatest."""
    low, high = min(values), max(values)
    return (value - low) / (high - low) if high > low else 0.5
