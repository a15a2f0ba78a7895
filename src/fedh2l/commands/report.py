"""report.html: what a run reached, on one page in one file, with its curves, its configuration and
where the bytes went.
"""

import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment
from matplotlib.figure import Figure

from fedh2l.commands.table import worth
from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file
from fedh2l.record.units import percent, size


def write_report(folder: Path) -> Path:
    """From summary.json, rounds.jsonl and config.toml of a finished run."""
    if not (folder / "summary.json").is_file():
        raise FedH2LError(
            f"{folder}: no summary.json, so no finished run; go on with fedh2l run --resume "
            f"{folder}"
        )
    summary = json.loads((folder / "summary.json").read_text())
    rows = {summary["algorithm"]: folder} | {
        r: folder / "references" / r for r in summary["references"]
    }
    lines = {row: _lines(place / "rounds.jsonl") for row, place in rows.items()}
    template = Environment(autoescape=True).from_string(
        files("fedh2l.commands").joinpath("report.html.j2").read_text()
    )
    page = template.render(
        summary=summary,
        worth=worth(summary),
        config=(folder / "config.toml").read_text(),
        figure=_curves(summary, lines),
        percent=percent,
        size=size,
        command=command(folder),
        folder=folder,
    )
    path = folder / "report.html"
    write_file(path, page.encode())
    return path


def command(folder: Path) -> str:
    """A command that repeats this run."""
    return f"fedh2l run --config {folder / 'config.toml'} --out {folder}-again"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _curves(summary: dict[str, Any], lines: dict[str, list[dict[str, Any]]]) -> str:
    """Validation accuracy on all domains by round: every peer, and the mean of every row.

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
        for row, its in lines.items():
            style = "-" if row == summary["algorithm"] else "--"
            means.plot(
                [line["round"] for line in its],
                [100 * line["mean"]["all_domain_accuracy"] for line in its],
                style,
                label=row,
            )
        peers.set(
            title=f"each peer, {summary['algorithm']}",
            xlabel="round",
            ylabel="all-domain accuracy, % (validation)",
        )
        means.set(title="mean over peers, each row", xlabel="round")
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
