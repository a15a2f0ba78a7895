"""report.html: what a run reached, on one page in one file, with its curves, its configuration and
where the bytes went.
"""

import io
import json
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment
from matplotlib.figure import Figure

from fedh2l.commands.table import labelling, worth
from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file
from fedh2l.record.journal import committed_lines
from fedh2l.record.units import percent, size
from fedh2l.simulation.cells import FOLDER


def write_report(folder: Path) -> Path:
    """From summary.json, rounds.jsonl and config.toml of a finished run."""
    if not (folder / "summary.json").is_file():
        raise FedH2LError(
            f"{folder}: no summary.json, so no finished run; go on with "
            + shlex.join(["fedh2l", "run", "--resume", str(folder)])
        )
    summary = _summary(folder / "summary.json")
    baselines = {name: folder / FOLDER / name for name in summary["baselines"]}
    cells = {summary["algorithm"]: folder} | baselines
    lines = {cell: committed_lines(place) for cell, place in cells.items()}

    template = Environment(autoescape=True).from_string(
        files("fedh2l.commands").joinpath("report.html.j2").read_text()
    )
    page = template.render(
        summary=summary,
        kinds=_kinds(folder / "sent.jsonl"),
        worth=worth(summary),
        labelling=labelling(summary["seed_set"]),
        config=(folder / "config.toml").read_text("utf-8", "replace"),
        figure=_curves(summary, lines),
        percent=percent,
        size=size,
        command=command(folder),
        audit=shlex.join(["fedh2l", "audit", str(folder)]),
    )

    path = folder / "report.html"
    write_file(path, page.encode("utf-8", "replace"))
    return path


def command(folder: Path) -> str:
    """A command that repeats this run."""
    config, again = str(folder / "config.toml"), f"{folder}-again"
    return shlex.join(["fedh2l", "run", "--config", config, "--out", again])


def _kinds(index: Path) -> list[str]:
    """The kinds of the messages that left, posteriors or weights, from the index of what was sent
    and not from the name of the method.
    """
    if not index.is_file():
        return []
    try:
        return sorted({str(json.loads(line)["kind"]) for line in index.read_text().splitlines()})
    except (ValueError, KeyError, TypeError) as error:
        raise FedH2LError(f"{index}: damaged ({error}); see fedh2l audit") from error


def _summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_bytes())
        if {"algorithm", "peers", "mean", "baselines", "versions"} <= set(summary):
            return summary
    except (ValueError, TypeError):
        pass
    raise FedH2LError(
        f"{path}: damaged, or of another release; fedh2l run --resume {path.parent} writes it anew"
    )


def _curves(summary: dict[str, Any], lines: dict[str, list[dict[str, Any]]]) -> str:
    """Validation accuracy on all domains by round: every peer, and the mean of every cell.

    Inline SVG.
    """
    with mpl.rc_context(
        {
            "svg.hashsalt": "fedh2l",
            "svg.fonttype": "none",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    ):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        peers, means = figure.subplots(1, 2, sharey=True)
        main = lines[summary["algorithm"]]
        for name, peer in summary["peers"].items():
            series = [100 * line["peers"][name]["all_domain_accuracy"] for line in main]
            peers.plot([line["round"] for line in main], series, label=f"{name} {peer['model']}")
        for cell, its in lines.items():
            style = "-" if cell == summary["algorithm"] else "--"
            means.plot(
                [line["round"] for line in its],
                [100 * line["mean"]["all_domain_accuracy"] for line in its],
                style,
                label=cell,
            )
        peers.set(
            title=f"each peer, {summary['algorithm']}",
            xlabel="round",
            ylabel="all-domain accuracy, % (validation)",
        )
        means.set(title="mean over peers: method and baselines", xlabel="round")
        for axes in (peers, means):
            axes.legend(fontsize=8, frameon=False)
            axes.grid(alpha=0.25)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]


def report(folder: Path) -> None:
    """Write a run's report.html anew.

    Parameters
    ----------
    folder
        A finished run.
    """
    print(write_report(folder))
