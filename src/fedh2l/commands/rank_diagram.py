"""The critical-difference diagram: methods on a line of average ranks, with a bar over those that
cannot be told apart (Demšar, JMLR 7, 2006).
"""

import io

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedh2l.simulation.sweep.ranks import Ranks


def rank_diagram(ranks: Ranks) -> str:
    """The diagram as SVG; the same ranks give the same bytes."""
    names = list(ranks.average)
    half = (len(names) + 1) // 2
    height = 0.9 + 0.25 * (half + len(ranks.alike))
    with mpl.rc_context({"svg.hashsalt": "fedh2l", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(7, height), layout="constrained")
        axes = figure.subplots()
        axes.set_axis_off()
        _draw_scale(axes, len(names), ranks.critical)
        top = -0.4 * len(ranks.alike) - 0.5
        for i, (name, rank) in enumerate(ranks.average.items()):
            _draw_method(axes, name, rank, i, len(names), top)
        for i, (first, last) in enumerate(ranks.alike):
            bar = -0.4 * (i + 1)
            axes.plot([first - 0.04, last + 0.04], [bar, bar], color="black", linewidth=3.5)
        axes.set_title(
            f"average rank over {ranks.n} data sets (1 is best); Friedman p = {ranks.friedman:.2g}",
            fontsize=9,
        )
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _draw_scale(axes: Axes, methods: int, critical: float) -> None:
    axes.plot([1, methods], [0, 0], color="black", linewidth=1)
    for rank in range(1, methods + 1):
        axes.plot([rank, rank], [0, 0.15], color="black", linewidth=1)
        axes.text(rank, 0.25, str(rank), ha="center", va="bottom")
    axes.plot([1, 1 + critical], [1.1, 1.1], color="black", linewidth=1.5)
    axes.text(1 + critical / 2, 1.2, f"CD = {critical:.2f}", ha="center", va="bottom")


def _draw_method(axes: Axes, name: str, rank: float, i: int, methods: int, top: float) -> None:
    """The better half is named on the left, the others on the right, the last nearest the line."""
    is_left = i < (methods + 1) // 2
    level = top - 0.6 * (i if is_left else methods - 1 - i)
    end = 0.7 if is_left else methods + 0.3
    axes.plot([rank, rank, end], [0, level, level], color="black", linewidth=0.8)
    side = "right" if is_left else "left"
    words = f"{name} {rank:.2f} " if is_left else f" {rank:.2f} {name}"
    axes.text(end, level, words, ha=side, va="center")
