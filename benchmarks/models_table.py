"""The federations of models.py as tables: on the screen, and for a page of docs/."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

CELLS = ("alone", "seed_only", "fedh2l", "unlabelled", "pooled")
HEADINGS = ("peer", "kind", *CELLS)


def lines_of(federation: dict[str, Any]) -> list[list[str]]:
    """All-domain accuracy of each peer, and the means."""
    lines = [
        [name, Path(peer["kind"]).name, *(_cell(peer.get(cell)) for cell in CELLS)]
        for name, peer in federation["peers"].items()
    ]
    return [*lines, ["mean", "", *(_mean(federation, cell) for cell in CELLS)]]


def table(entries: Sequence[dict[str, Any]]) -> Table:
    """All federations on the screen."""
    shown = Table(title="all-domain accuracy, %: mean ± standard deviation over the seeds")
    for heading in ("federation", *HEADINGS):
        shown.add_column(heading)
    for federation in entries:
        *lines, mean = lines_of(federation)
        for line in lines:
            shown.add_row(federation["federation"], *line)
        shown.add_row("", *mean, end_section=True)
    return shown


def markdown(federation: dict[str, Any]) -> str:
    """A federation for a page of docs/, with where its figures are from."""
    lines = [list(HEADINGS), ["---"] * 2 + ["---:"] * len(CELLS), *lines_of(federation)]
    seeds = ", ".join(map(str, federation["seeds"]))
    return "\n".join(
        [
            f"### {federation['federation']}\n",
            *("| " + " | ".join(line) + " |" for line in lines),
            f"\nSeeds {seeds}; {federation['date']}, commit {federation['commit']}, "
            f"`{federation['command']}`.\n",
        ]
    )


def _cell(measured: dict[str, Any] | None) -> str:
    if measured is None:
        return "–"
    spread = measured["std"]
    return f"{measured['mean']:.1f}" + ("" if spread is None else f" ± {spread:.1f}")


def _mean(federation: dict[str, Any], cell: str) -> str:
    peers = [peer[cell]["mean"] for peer in federation["peers"].values() if cell in peer]
    return f"{statistics.fmean(peers):.1f}" if peers else "–"
