"""The report of a finished run: what it reached, how, and what left each machine."""

import json
import shlex
from pathlib import Path
from typing import Any

from fedh2l.commands.pages import run_figures, run_tables
from fedh2l.commands.pages.disagreement import disagreement
from fedh2l.commands.pages.page import MOST, with_content, write_page
from fedh2l.commands.pages.worth import sentences
from fedh2l.commands.table import labelling
from fedh2l.error import FedH2LError
from fedh2l.message import Posteriors
from fedh2l.record.answers import Answers, answers_of
from fedh2l.record.journal import committed_lines
from fedh2l.record.units import percent, size
from fedh2l.simulation.cells import FOLDER

CELLS = {
    "alone": "private rows only",
    "seed-only": "private rows and the seed labels, nothing exchanged",
    "pooled": "everybody's private rows in one place, the bound that privacy forbids",
}
SECTIONS = {
    "gains": "What each peer gained",
    "curves": "As it went",
    "domains": "Who is good where",
    "apart": "Who taught whom",
    "traffic": "Accuracy against bytes",
    "disagreement": "Where peers disagree",
    "scores": "Scores",
    "data": "Data",
    "left": "What left each machine",
    "again": "Configuration",
}
ORDER = ["alone", "the method", "seed-only", "pooled"]
ROUNDS = 16  # whose answers are read again


def write_run_page(folder: Path) -> Path:
    """From summary.json, the journals, config.toml and the frames that left."""
    summary = _summary(folder / "summary.json")
    cells = {summary["algorithm"]: folder}
    cells |= {name: folder / FOLDER / name for name in summary["baselines"]}
    lines = {cell: committed_lines(place) for cell, place in cells.items()}
    messages = _messages(folder / "sent.jsonl")
    answers = _answers(folder, summary, {kind for kind, _ in messages})

    gains, shown = run_figures.gains(summary)
    values: dict[str, Any] = {
        "domains": run_tables.domain_matrix(summary),
        "apart": _apart(answers),
        "traffic": run_figures.accuracy_by_bytes(summary, lines),
        "disagreement": disagreement(folder, answers[-1], summary["seed_set"]["digest"])
        if answers
        else None,
        "data": summary["data_notes"],
    }
    return write_page(
        folder,
        "run.html.j2",
        title=f"{summary['algorithm']} on {summary['data']}",
        sections=with_content(SECTIONS, values),
        summary=summary,
        method=summary["algorithm"],
        cells=sorted(cells, key=lambda cell: ORDER.index(cell) if cell in ORDER else 1),
        cells_explained=" ".join(f"{c}: {CELLS[c]}." for c in CELLS if c in cells),
        sentences=sentences(summary),
        labelling=labelling(summary["seed_set"]),
        facts=_facts(summary),
        gains=gains,
        shown=shown,
        curves=run_figures.curves(summary, lines),
        peer_curves=run_figures.peer_curves(summary, lines),
        scores=run_tables.score_table(summary),
        what_left=_what_left(summary, messages),
        command=command(folder),
        audit=shlex.join(["fedh2l", "audit", str(folder)]),
        config=(folder / "config.toml").read_text("utf-8", "replace"),
        **values,
    )


def command(folder: Path) -> str:
    """A command that repeats this run."""
    config, again = str(folder / "config.toml"), f"{folder}-again"
    return shlex.join(["fedh2l", "run", "--config", config, "--out", again])


def _facts(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The figures that stand on top: name, value, and what it was before."""
    peers = summary["peers"].values()
    alone = summary["baselines"].get("alone")
    facts: list[tuple[str, str, str]] = []
    for key, words in run_figures.MEASURES.items():
        before = "" if alone is None else f"{percent(alone[key])} alone"
        facts.append((f"{words}, %", percent(summary["mean"][key]), before))
    sent = sum(p["payload_bytes_sent"] for p in peers) / len(peers)
    weights = [p["weights_bytes"] for p in peers if p["weights_bytes"]]
    instead = f"{size(sum(weights) / len(weights))} as weights" if weights and sent else ""
    facts.append(("sent per peer", size(sent), instead))
    facts.append(("peers", str(len(peers)), f"{len({p['model'] for p in peers})} kinds of model"))
    return facts


def _answers(folder: Path, summary: dict[str, Any], kinds: set[str]) -> list[Answers]:
    """What peers said; nothing of weights, and of more peers than a page can show."""
    if Posteriors.kind not in kinds or len(summary["peers"]) > MOST:
        return []
    return answers_of(folder, ROUNDS)


def _apart(answers: list[Answers]) -> dict[str, Any] | None:
    """How far apart the peers' answers are: in a sentence, a figure and a matrix."""
    if not answers:
        return None
    first, last = answers[0], answers[-1]
    matrix = run_tables.apart_matrix(first.apart(), last.apart(), (first.round, last.round))
    if matrix is None:
        return None
    figures, sentence = run_figures.distances(answers)
    return matrix | {"figures": figures, "sentence": sentence}


def _what_left(summary: dict[str, Any], messages: set[tuple[str, int]]) -> str:
    """What was sent, in words: told by what was sent, not by the name of the method."""
    if not messages:
        return "Nothing."
    kinds = sorted({kind for kind, _ in messages})
    if kinds != [Posteriors.kind]:
        return f"The {' and '.join(kinds)} of each model, to every peer that hears it."
    seeds, lengths = summary["seed_set"], sorted({rows for _, rows in messages})
    about = f"{lengths[0]} rows"
    if lengths == [seeds["asked"]]:
        mixtures = " and as many mixtures of them" if seeds["asked"] > seeds["rows"] else ""
        about += f" ({seeds['rows']} seed examples{mixtures})"
    elif len(lengths) > 1:
        about = f"{lengths[0]} to {lengths[-1]} rows"
    return (
        f"Posteriors on {about}, {len(seeds['classes'])} probabilities each, to every peer that "
        "hears it: no weights, no gradients, no private rows."
    )


def _messages(index: Path) -> set[tuple[str, int]]:
    """The kinds of the messages that left, such as posteriors or weights, and how many rows."""
    if not index.is_file():
        return set()
    try:
        entries = [json.loads(line) for line in index.read_text().splitlines()]
        return {(str(entry["kind"]), int([*entry["shape"], 0][0])) for entry in entries}
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
