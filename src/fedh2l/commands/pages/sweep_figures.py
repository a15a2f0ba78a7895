"""The figures of a sweep's page: methods side by side on each data set, accuracy against bytes."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from fedh2l.commands.pages.plots import (
    COLOURS,
    MARKS,
    accuracy_axis,
    bytes_axis,
    draw_levels,
    plot,
    svg,
    write_above,
)
from fedh2l.commands.pages.sweep_places import Place, Reached
from fedh2l.record.units import size

MEASURES = {"all_domain": "all domains", "own": "the own domain"}
Figure = dict[str, str]


def colour_of(method: str, first: str) -> str:
    """The name of a method's colour: the first method has one of its own, rivals share one."""
    if method in MARKS:
        return method
    return "method" if method == first else "other"


def side_by_side(place: Place, number: int, first: str) -> list[Figure]:
    """For each measure the methods below each other: mean, 95 % interval, every seed."""
    figures: list[Figure] = []
    for measure, words in MEASURES.items():
        title = f"{place.name}: {words}"
        with plot(0.7 + 0.42 * len(place.cells)) as axes:
            for row, method in enumerate(place.cells):
                _draw_method(axes, place, method, measure, -float(row), colour_of(method, first))
            axes.set_ylim(0.4 - len(place.cells), 0.75)
            accuracy_axis(axes)
            told = "; ".join(f"{m} {place.reached(m, measure).words}" for m in place.cells)
            name = f"place-{number}-{measure.replace('_', '-')}"
            figures.append({"title": title, "svg": svg(axes, name, title, f"In %: {told}.")})
    return figures


def _draw_method(
    axes: Axes, place: Place, method: str, measure: str, y: float, colour: str
) -> None:
    reached = place.reached(method, measure)
    values = [100 * value for value in reached.values]
    paint = COLOURS[colour]
    axes.plot(values, [y] * len(values), "|", color=COLOURS["quiet"], markersize=7, zorder=2)
    if reached.half is not None:
        half = 100 * reached.half
        axes.errorbar(100 * reached.mean, y, xerr=half, color=paint, capsize=4, linewidth=1.6)
    marker = {"seed-only": "s", "other": "s"}.get(colour, MARKS.get(colour, "o"))
    is_filled = colour in ("method", "seed-only")
    axes.plot(
        100 * reached.mean,
        y,
        marker=marker,
        markersize=7,
        markerfacecolor=paint if is_filled else COLOURS["ground"],
        markeredgecolor=paint,
        markeredgewidth=1.6,
        zorder=4,
    )
    write_above(axes, y, method, "left", "ink")
    write_above(axes, y, reached.words, "right", "quiet")


def against_bytes(place: Place, number: int, first: str) -> list[Figure]:
    """Accuracy on all domains against the bytes that a peer sent (log), a number for each method;
    methods that send nothing are lines. Empty where nobody sends anything.
    """
    amounts = {method: place.reached(method, "payload_bytes").mean for method in place.cells}
    senders = sorted(filter(amounts.__getitem__, amounts), key=amounts.__getitem__)
    if not senders:
        return []
    numbers = {method: i for i, method in enumerate(senders, 1)}
    with plot(2.7) as axes:
        silent = [m for m in MARKS if m in place.cells and not amounts[m]]
        draw_levels(axes, {m: 100 * place.reached(m, "all_domain").mean for m in silent})
        for method, i in numbers.items():
            colour = colour_of(method, first)
            _draw_sender(axes, place.reached(method, "all_domain"), amounts[method], i, colour)
        words = _key(place, numbers, amounts)
        bytes_axis(axes, [amounts[m] for m in senders])
        axes.set_ylabel("all domains, %")
        title = f"{place.name}: accuracy against bytes"
        picture = svg(axes, f"bytes-{number}", title, words)
        return [{"title": title, "svg": picture, "caption": words}]


def _key(place: Place, numbers: Mapping[str, int], amounts: Mapping[str, float]) -> str:
    """Which method each number is, with its bytes and accuracy."""
    return "; ".join(
        f"{i} {m} ({size(amounts[m])}, {place.reached(m, 'all_domain').words} %)"
        for m, i in numbers.items()
    )


def _draw_sender(axes: Axes, reached: Reached, amount: float, number: int, colour: str) -> None:
    point, half = (amount, 100 * reached.mean), 100 * (reached.half or 0.0)
    axes.errorbar(*point, yerr=half, fmt="o", color=COLOURS[colour], capsize=3, markersize=5)
    # Numbers of neighbours stand at alternate sides.
    side = 7 if number % 2 else -7
    axes.annotate(
        str(number),
        point,
        (side, 4),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
    )
