"""The figures of a run's report: what each peer gained, the curves, accuracy against bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from fedh2l.commands.pages.page import MOST
from fedh2l.commands.pages.plots import (
    COLOURS,
    band,
    bytes_axis,
    draw_levels,
    dumbbells,
    plot,
    rounds_axis,
    svg,
)
from fedh2l.record.answers import Answers
from fedh2l.record.units import size

MEASURES = {"own_accuracy": "own domain", "all_domain_accuracy": "all domains"}
CURVES_OF_PEERS = 12  # so that a page can be sent by e-mail
Lines = Mapping[str, Sequence[dict[str, Any]]]  # of each cell the lines of its journal


def gains(summary: dict[str, Any]) -> tuple[list[dict[str, str]], int]:
    """A dumbbell plot for each measure, and how many peers are in it."""
    names = _most_telling(summary)
    figures: list[dict[str, str]] = []
    for key, words in MEASURES.items():
        rows: dict[str, dict[str, float | None]] = {}
        for name in names:
            cells = {summary["algorithm"]: summary["peers"][name].get(key)}
            for cell, baseline in summary["baselines"].items():
                cells[cell] = (baseline.get("peers", {}).get(name) or {}).get(key)
            values = {cell: None if v is None else 100 * v for cell, v in cells.items()}
            # A model of the user's own is a whole path.
            rows[f"{name}  {Path(summary['peers'][name]['model']).name}"] = values
        with plot(0.7 + 0.42 * len(rows)) as axes:
            dumbbells(axes, rows, summary["algorithm"])
            description = "; ".join(f"{name}: {_in_words(values)}" for name, values in rows.items())
            title = f"Accuracy on {'the ' if key == 'own_accuracy' else ''}{words}"
            picture = svg(axes, f"gain-{key.replace('_', '-')}", title, description)
        figures.append({"title": title, "svg": picture})
    return figures, len(names)


def _most_telling(summary: dict[str, Any]) -> list[str]:
    """Every peer; of too many those that gained most and least over alone."""
    names = list(summary["peers"])
    if len(names) <= MOST:
        return names
    alone = summary["baselines"].get("alone", {}).get("peers", {})
    key = "all_domain_accuracy"

    def gain(name: str) -> float:
        before = (alone.get(name) or {}).get(key, 0.0)
        return summary["peers"][name].get(key, 0.0) - before

    ranked = sorted(names, key=gain, reverse=True)
    return ranked[: MOST // 2] + ranked[-MOST // 2 :]


def _in_words(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{cell} {value:.1f}" for cell, value in values.items() if value is not None)


def curves(summary: dict[str, Any], lines: Lines) -> list[dict[str, str]]:
    """Validation accuracy by round, as the mean over the peers."""
    return [_mean_curves(summary["algorithm"], lines, key) for key in MEASURES]


def peer_curves(summary: dict[str, Any], lines: Lines) -> list[dict[str, str]]:
    """The curve of each peer, all on one scale; none of many peers."""
    if len(summary["peers"]) > CURVES_OF_PEERS:
        return []
    every = [
        100 * p["all_domain_accuracy"]
        for its in lines.values()
        for line in its
        for p in line["peers"].values()
    ]
    scale = (min(every, default=0) - 2, max(every, default=100) + 2)
    return [
        _peer_curve(name, f"peer-{number}", Path(peer["model"]).name, lines, scale)
        for number, (name, peer) in enumerate(summary["peers"].items())
    ]


def _mean_curves(method: str, lines: Lines, key: str) -> dict[str, str]:
    words = "the own domain" if key == "own_accuracy" else "all domains"
    title = f"Mean over peers, {words}"
    ends: list[str] = []
    with plot(2.5) as axes:
        for cell, its in lines.items():
            rounds = [line["round"] for line in its]
            rows = [[100 * p[key] for p in line["peers"].values()] for line in its]
            band(axes, rounds, rows, cell, fill=cell == method)
            if rows:
                first, last = sum(rows[0]) / len(rows[0]), sum(rows[-1]) / len(rows[-1])
                ends.append(f"{cell} from {first:.1f} to {last:.1f}")
        rounds_axis(axes)
        axes.set_ylabel("validation, %")
        name = f"curve-{key.replace('_', '-')}"
        return {"title": title, "svg": svg(axes, name, title, f"In %: {'; '.join(ends)}.")}


def _peer_curve(
    name: str, place: str, model: str, lines: Lines, scale: tuple[float, float]
) -> dict[str, str]:
    title = f"{name} {model}, all domains"
    ends: list[str] = []
    with plot(1.9) as axes:
        for cell, its in lines.items():
            rounds = [line["round"] for line in its]
            rows = [[100 * line["peers"][name]["all_domain_accuracy"]] for line in its]
            band(axes, rounds, rows, cell, fill=False)
            if rows:
                ends.append(f"{cell} from {rows[0][0]:.1f} to {rows[-1][0]:.1f}")
        rounds_axis(axes)
        axes.set(ylabel="validation, %", ylim=scale)
        return {"title": title, "svg": svg(axes, place, title, f"In %: {'; '.join(ends)}.")}


def distances(answers: Sequence[Answers]) -> tuple[list[dict[str, str]], str]:
    """How far apart the peers' answers were, round by round, and that in a sentence."""
    rounds = [a.round for a in answers]
    rows = [[100 * d for row in a.apart().values() for d in row.values()] for a in answers]
    means = [_mean(row) if row else 0.0 for row in rows]
    top = max(range(len(means)), key=means.__getitem__)
    if len(answers) == 1:
        alone = f"On average two peers' answers were {means[0]:.1f} % apart in round {rounds[0]}, "
        return [], alone + "the only one in which they said any."
    # The round in between is worth a word where it is neither the first nor the last.
    between = ""
    if top not in (0, len(means) - 1):
        between = f"farthest in round {rounds[top]} with {means[top]:.1f} %, "
    sentence = (
        f"On average two peers' answers were {means[0]:.1f} % apart in round {rounds[0]}, "
        f"{between}and {means[-1]:.1f} % in round {rounds[-1]}. Rounds count from 0, and peers "
        "speak before they learn: networks that have learnt nothing agree."
    )
    if not all(rows):
        return [], sentence
    title = "How far apart answers are"
    with plot(2.2) as axes:
        band(axes, rounds, rows, "method", fill=True)
        rounds_axis(axes)
        axes.set(ylabel="total variation, %", ylim=(0, None))
        words = f"{sentence} The band is from the closest to the farthest pair."
        return [{"title": title, "svg": svg(axes, "apart-plot", title, words)}], sentence


def accuracy_by_bytes(summary: dict[str, Any], lines: Lines) -> list[dict[str, str]]:
    """Validation accuracy on all domains against the bytes that a peer had sent by then (log), and
    the baselines, which send nothing, as lines; empty where nothing was sent.
    """
    method = summary["algorithm"]
    points = [
        (_mean(p["payload_bytes_sent"] for p in line["peers"].values()), line["mean"])
        for line in lines[method]
    ]
    points = [(sent, 100 * mean["all_domain_accuracy"]) for sent, mean in points if sent]
    if not points:
        return []
    title = "All domains against bytes"
    with plot(2.6) as axes:
        axes.plot(*zip(*points, strict=True), color=COLOURS["method"], marker="o", markersize=3.5)
        draw_levels(axes, _last_means(lines, leave_out=method))
        (least, start), (most, end) = points[0], points[-1]
        words = f"From {size(least)}, {start:.1f} %, to {size(most)}, {end:.1f} %."
        weights = _mark_weights(axes, summary)
        if weights:
            words += f" As many messages with weights would have been {size(weights)}."
        bytes_axis(axes, [sent for sent, _ in points] + ([weights] if weights else []))
        axes.set_ylabel("validation, %")
        return [{"title": title, "svg": svg(axes, "bytes-plot", title, words), "caption": words}]


def _last_means(lines: Lines, leave_out: str) -> dict[str, float]:
    """Of each cell the last validation accuracy on all domains, in percent."""
    return {
        cell: 100 * its[-1]["mean"]["all_domain_accuracy"]
        for cell, its in lines.items()
        if cell != leave_out and its
    }


def _mark_weights(axes: Axes, summary: dict[str, Any]) -> float | None:
    """A line where weights would have been, and how many bytes; None where no model has any."""
    weights = [p["weights_bytes"] for p in summary["peers"].values() if p["weights_bytes"]]
    if not weights:
        return None
    amount = _mean(weights)
    axes.axvline(amount, color=COLOURS["quiet"], linewidth=1)
    low, high = axes.get_ylim()
    note = "weights would\nhave been here "
    axes.text(amount, low + 0.04 * (high - low), note, ha="right", va="bottom")
    return amount


def _mean(values: Any) -> float:
    every = list(values)
    return sum(every) / len(every)
