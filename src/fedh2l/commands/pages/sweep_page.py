"""The page of a sweep: methods side by side, with what their differences are worth."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedh2l.commands.pages import sweep_figures
from fedh2l.commands.pages.page import MOST_ROWS, with_content, write_page
from fedh2l.commands.pages.plots import MARKS
from fedh2l.commands.pages.sweep_places import Place, places_of
from fedh2l.error import FedH2LError
from fedh2l.record.units import percent, size
from fedh2l.simulation.sweep.plan_file import PLAN
from fedh2l.simulation.sweep.statistics import Comparison, compared
from fedh2l.simulation.sweep.sweep import ABOUT
from fedh2l.simulation.sweep.tables import CELLS, CellLine, read_cells

MOST_PLACES = 8  # of which figures are drawn, so that a page can be sent by e-mail
SECTIONS = {
    "table": "Table",
    "plots": "Side by side",
    "bytes": "Accuracy against bytes",
    "comparisons": "What the differences are worth",
    "rest": "Left out and failed",
    "cells": "Every cell",
    "again": "Configuration",
}


def write_sweep_page(folder: Path) -> Path:
    """From cells.csv, and sweep.json and sweep.toml where they are there."""
    cells = read_cells(folder / CELLS)
    places = places_of(cells)
    if not places:
        raise FedH2LError(f"{folder / CELLS}: no finished cell of a method yet; wait for one")
    about = _about(folder / ABOUT)
    plots, traffic = _figures(places[:MOST_PLACES], cells)
    plan = folder / PLAN
    values: dict[str, Any] = {
        "bytes": traffic,
        "comparisons": list(map(_comparison, compared(cells))),
        "rest": any(about[name] for name in ("failed", "left_out", "notes")),
        "again": plan.read_text("utf-8", "replace") if plan.is_file() else "",
    }
    return write_page(
        folder,
        "sweep.html.j2",
        title=f"Sweep {folder.resolve().name}",
        sections=with_content(SECTIONS, values),
        sentences=_sentences(places),
        facts=_facts(cells, places, about),
        baselines=[m for m in MARKS if m in {cell.algorithm for cell in cells}],
        groups=list(map(_group, places)),
        plots=plots,
        undrawn=max(0, len(places) - MOST_PLACES),
        cells=list(map(_cell, cells[:MOST_ROWS])),
        left_out=max(0, len(cells) - MOST_ROWS),
        about=about,
        command=shlex.join(["fedh2l", "sweep", str(plan), "--out", f"{folder}-again"]),
        **values,
    )


def _figures(
    places: Sequence[Place], cells: Sequence[CellLine]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Methods side by side, and accuracy against bytes, of each place."""
    methods = [cell.algorithm for cell in cells]
    first = next((m for m in methods if m not in MARKS), methods[0])
    plots: list[dict[str, str]] = []
    traffic: list[dict[str, str]] = []
    for number, place in enumerate(places):
        plots += sweep_figures.side_by_side(place, number, first)
        traffic += sweep_figures.against_bytes(place, number, first)
    return plots, traffic


def _about(path: Path) -> dict[str, Any]:
    """What sweep.json says beside the tables; a table alone is enough for a page."""
    about: dict[str, Any] = {"failed": [], "left_out": [], "notes": [], "versions": {}}
    if not path.is_file():
        return about
    try:
        return about | json.loads(path.read_bytes())
    except (ValueError, TypeError) as error:
        raise FedH2LError(
            f"{path}: damaged ({error}); run the sweep again, which keeps its finished cells"
        ) from error


def _sentences(places: Sequence[Place]) -> list[str]:
    """Who is ahead where: of several places first how often that can be said at all."""
    if len(places) == 1:
        return [places[0].verdict]
    winners = [place.best for place in places if place.best is not None]
    counts = {method: winners.count(method) for method in dict.fromkeys(winners)}
    told = ", ".join(f"{method} on {count}" for method, count in counts.items())
    summary = (
        f"On {len(winners)} of {len(places)} data sets and settings one method is ahead of all "
        f"others, and its 95 % interval overlaps none of theirs: {told}."
    )
    if not winners:
        summary = (
            f"On none of {len(places)} data sets and settings is one method ahead of all others."
        )
    return [summary, *(place.verdict for place in places)]


def _facts(
    cells: Sequence[CellLine], places: Sequence[Place], about: dict[str, Any]
) -> list[tuple[str, str, str]]:
    """The figures that stand on top: name, value, and a note."""
    methods = dict.fromkeys(cell.algorithm for cell in cells)
    seeds = sorted({cell.seed for cell in cells})
    of_all = f"of {about['cells']}" if "cells" in about else ""
    data, settings = ({getattr(p, n) for p in places} for n in ("data", "setting"))
    spent = sum({cell.cell: cell.cpu_seconds for cell in cells}.values())
    words = f"{len(settings)} setting{'s' if len(settings) > 1 else ''}"
    return [
        ("cells", str(len(cells)), f"{of_all}, {len(about['failed'])} failed".strip(", ")),
        ("methods", str(len(methods)), ""),
        ("data sets", str(len(data)), words),
        ("seeds", str(len(seeds)), f"{spent:.0f} CPU seconds in all"),
    ]


def _group(place: Place) -> dict[str, Any]:
    """The rows of the table for one place."""
    rows: list[dict[str, Any]] = []
    for method, cells in place.cells.items():
        rows.append(
            {
                "method": method,
                "is_best": method == place.best,
                "is_bound": method in place.bounds,
                "n": len(cells),
                "own": place.reached(method, "own").words,
                "all": place.reached(method, "all_domain").words,
                "worst": percent(place.reached(method, "worst_domain").mean),
                "ece": percent(place.reached(method, "ece").mean),
                "bytes": size(place.reached(method, "payload_bytes").mean),
                "cpu": f"{place.reached(method, 'cpu_seconds').mean:.1f}",
            }
        )
    return {"name": place.name, "rows": rows}


def _comparison(c: Comparison) -> dict[str, str]:
    interval = "–"
    if c.low is not None and c.high is not None:
        interval = f"{100 * c.low:+.1f} to {100 * c.high:+.1f}"
    return {
        "place": f"{c.data}, {c.setting}" if c.setting not in ("", "default") else c.data,
        "pair": f"{c.method} − {c.against}",
        "n": str(c.n),
        "difference": f"{100 * c.difference:+.1f}",
        "interval": interval,
        "p": "–" if c.p_holm is None else f"{c.p_holm:.3f}",
        "verdict": c.verdict,
    }


def _cell(cell: CellLine) -> dict[str, Any]:
    return {
        "names": (cell.algorithm, cell.data, cell.setting),
        "seed": cell.seed,
        "scores": [percent(v) for v in (cell.own, cell.all_domain, cell.worst_domain, cell.ece)],
        "nll": f"{cell.nll:.3f}",
        "bytes": size(cell.payload_bytes),
        "cell": cell.cell,
    }
