"""Plots as SVG in a page: as wide as a phone, so that their text is never shrunk; a screen reader
reads them; their colours are the page's, by day and by night.
"""

import io
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from fedh2l.record.units import size

WIDTH = 3.7  # inches: at 340 pixels a text of 9.5 points is as high as one of 12 pixels
LONGEST = 36  # characters above a row: more would run into what stands on the right
LEAST_SPAN = 6.0  # points of an axis of accuracies
# Colours stand for variables of the page's style sheet, which says them for light and dark.
COLOURS = {
    "ink": "#010101",
    "quiet": "#010102",
    "grid": "#010103",
    "ground": "#010104",
    "method": "#010105",
    "alone": "#010106",
    "seed-only": "#010107",
    "pooled": "#010108",
    "other": "#010109",
    "another": "#01010a",
}
STYLE: Any = {
    "svg.hashsalt": "fedh2l",
    "svg.fonttype": "none",
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.labelcolor": COLOURS["quiet"],
    "axes.edgecolor": COLOURS["quiet"],
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "text.color": COLOURS["ink"],
    "text.parse_math": False,  # a name with a $ is a name
    "xtick.color": COLOURS["quiet"],
    "ytick.color": COLOURS["quiet"],
    "hatch.color": COLOURS["ground"],
    "figure.facecolor": "none",
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}
# Never by colour alone: each cell of a run has a mark and a dash of its own as well.
MARKS = {"alone": "o", "seed-only": "|", "pooled": "D"}
DASHES = {"alone": (0, (1, 1.5)), "seed-only": (0, (5, 2)), "pooled": (0, (6, 2, 1, 2))}
SOLID = (0, ())


def kind_of(cell: str) -> str:
    """The name of a cell's colour: that of the baseline, or of the method."""
    return cell if cell in MARKS else "method"


@contextmanager
def plot(height: float) -> Generator[Axes]:
    """Axes of a new figure, so many inches high; drawn on and turned to `svg` within the block."""
    with mpl.rc_context(STYLE):
        yield Figure(figsize=(WIDTH, height), layout="constrained").subplots()


def accuracy_axis(axes: Axes) -> None:
    """Test accuracies from left to right, over at least `LEAST_SPAN` points: a difference that is
    nothing should not fill a plot.
    """
    axes.margins(x=0.06)
    low, high = axes.get_xlim()
    more = max(0.0, LEAST_SPAN - (high - low)) / 2
    axes.set(xlim=(low - more, high + more), xlabel="test accuracy, %", yticks=[])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def bytes_axis(axes: Axes, amounts: Sequence[float]) -> None:
    """Bytes from left to right, on a logarithmic scale with at least two ticks."""
    least, most = min(amounts), max(amounts)
    axes.set_xscale("log")
    axes.set_xlim(least / 2, max(3 * most, 10 * least))
    # Over few decades threes have a tick, too.
    subs = (1.0, 3.0) if most / least < 100 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(lambda amount, _: size(amount).replace(".0 ", " "))
    axes.minorticks_off()
    axes.set_xlabel("payload sent per peer")


def rounds_axis(axes: Axes, label: str = "round") -> None:
    """Rounds from left to right: no halves of them."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_xlabel(label)


def draw_levels(axes: Axes, levels: Mapping[str, float]) -> None:
    """A line across the plot for each cell that sends nothing, or everything."""
    for cell, level in levels.items():
        axes.axhline(level, color=COLOURS[kind_of(cell)], linestyle=DASHES.get(cell, SOLID))


def svg(axes: Axes, name: str, title: str, description: str) -> str:
    """The figure as an inline <svg> with a title and a description.

    name: the first part of its ids, so that no two figures of a page share one.
    """
    out = io.StringIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = out.getvalue()
    text = text[text.index("<svg") :]

    # Of the page: its font, no rules for all of it, no sizes in points.
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", text)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\1{name}-", text)
    for variable, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{variable})")

    head = f'<svg role="img" aria-labelledby="{name}-t {name}-d" focusable="false" class="plot"'
    words = (
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">'
        f"{escape(description)}</desc>"
    )
    text = text.replace("<svg", head, 1)
    start = text.index(">") + 1
    return text[:start] + words + text[start:]


def band(
    axes: Axes, rounds: Sequence[int], rows: Sequence[Sequence[float]], cell: str, *, fill: bool
) -> None:
    """The mean of some curves and, where asked for, a band from the lowest to the highest of them.

    rows: for each round the values of all curves, in percent.
    """
    kind = kind_of(cell)
    if fill:
        low, high = [min(row) for row in rows], [max(row) for row in rows]
        axes.fill_between(rounds, low, high, color=COLOURS[kind], alpha=0.16, linewidth=0)
    means = [float(np.mean(row)) for row in rows]
    axes.plot(rounds, means, color=COLOURS[kind], linestyle=DASHES.get(kind, SOLID), label=cell)


def dumbbells(axes: Axes, rows: Mapping[str, Mapping[str, float | None]], method: str) -> None:
    """A row for each peer: a line from alone to the method, and marks for the other baselines.

    rows: by the words that stand above the row, of each cell the value in percent.
    """
    for i, (words, values) in enumerate(rows.items()):
        y = -float(i)
        alone, now = values.get("alone"), values.get(method)
        if alone is not None and now is not None:
            axes.plot([alone, now], [y, y], color=COLOURS["quiet"], linewidth=1.4, zorder=2)
        for cell, value in values.items():
            if value is not None:
                _mark(axes, value, y, cell)
        write_above(axes, y, words, "left", "ink")
        if alone is not None and now is not None:
            write_above(axes, y, f"{alone:.1f} → {now:.1f}", "right", "quiet")
    axes.set_ylim(0.4 - len(rows), 0.75)
    accuracy_axis(axes)


def _mark(axes: Axes, value: float, y: float, cell: str) -> None:
    kind = kind_of(cell)
    is_filled = kind in ("method", "seed-only")
    axes.plot(
        value,
        y,
        marker=MARKS.get(kind, "o"),
        markersize={"seed-only": 12, "pooled": 6}.get(kind, 8),
        markerfacecolor=COLOURS[kind] if is_filled else COLOURS["ground"],
        markeredgecolor=COLOURS[kind],
        markeredgewidth=2.2 if kind == "seed-only" else 1.6,
        linestyle="none",
        zorder=4 if kind == "method" else 3,
    )


def write_above(
    axes: Axes, y: float, words: str, side: Literal["left", "right"], colour: str
) -> None:
    """Words above a row, at one side of the plot: long names need no margin."""
    axes.text(
        0 if side == "left" else 1,
        y + 0.42,
        words if len(words) <= LONGEST else words[: LONGEST - 1] + "…",
        ha=side,
        va="center",
        color=COLOURS[colour],
        transform=axes.get_yaxis_transform(),
        # Else a long name would leave the axes no room.
        in_layout=False,
    )
