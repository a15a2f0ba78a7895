"""The figures of a live member's page: its accuracy, whom it heard, how far apart, its bytes."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from fedh2l.commands.pages.member_counts import Fate, Sender, runs_of
from fedh2l.commands.pages.page import MOST
from fedh2l.commands.pages.plots import COLOURS, SOLID, plot, rounds_axis, svg
from fedh2l.record.units import size

FATES: dict[Fate, tuple[str, str]] = {  # colour and hatching of each
    "heard": ("method", ""),
    "missing": ("grid", "////"),
    "refused": ("seed-only", "xxxx"),
}
LINES = (  # of members, never told apart by colour alone
    ("method", SOLID, "o"),
    ("seed-only", (0, (5, 2)), "s"),
    ("pooled", (0, (6, 2, 1, 2)), "D"),
    ("other", (0, (1, 1.5)), "^"),
    ("another", (0, (3, 1)), "v"),
    ("alone", SOLID, "x"),
)
Figure = dict[str, str]


def own_accuracy(lines: Sequence[dict[str, Any]], kept: int | None) -> list[Figure]:
    """Accuracy on the member's validation rows, after each round; none where it has no such rows.

    kept: after how many rounds the kept model was.
    """
    points = [(x["round"] + 1, 100 * x["accuracy"]) for x in lines if x["accuracy"] is not None]
    if not points:
        return []
    rounds, values = zip(*points, strict=True)
    words = f"From {values[0]:.1f} to {values[-1]:.1f} %, at best {max(values):.1f} %."
    with plot(2.5) as axes:
        axes.plot(rounds, values, color=COLOURS["method"])
        if kept is not None and kept in rounds:
            value = values[rounds.index(kept)]
            ink = COLOURS["ink"]
            axes.plot(kept, value, marker="D", color=ink, markersize=7, linestyle="none")
            words += f" Diamond: the model that is kept, of round {kept} with {value:.1f} %."
        rounds_axis(axes, "rounds done")
        axes.set_ylabel("own validation rows, %")
        title = "After each round"
        return [{"title": title, "svg": svg(axes, "own", title, words), "caption": words}]


def presence(senders: Mapping[str, Sender]) -> list[Figure]:
    """A bar for each member: in which rounds it was heard, missing, refused."""
    shown = dict(list(senders.items())[:MOST])
    if not any(sender.fates for sender in shown.values()):
        return []
    with plot(0.75 + 0.38 * len(shown)) as axes:
        for i, sender in enumerate(shown.values()):
            for fate, (colour, hatch) in FATES.items():
                axes.broken_barh(
                    runs_of(sender.fates, fate),
                    (-i - 0.3, 0.42),
                    facecolor=COLOURS[colour],
                    edgecolor=COLOURS["quiet"],
                    linewidth=0.6,
                    hatch=hatch,
                )
        place: Any = {"transform": axes.get_yaxis_transform(), "va": "center"}
        for i, name in enumerate(shown):
            axes.text(0, -i + 0.3, name, **place)
        rounds_axis(axes)
        axes.set(yticks=[], ylim=(0.4 - len(shown), 0.55))
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        words = "; ".join(
            f"{name}: {', '.join(f'{fate} in {s.count(fate)}' for fate in FATES)} rounds"
            for name, s in shown.items()
        )
        title = "Round by round"
        return [{"title": title, "svg": svg(axes, "presence", title, words)}]


def distances(senders: Mapping[str, Sender]) -> list[Figure]:
    """How far this member's answers are from those of each other, by round."""
    shown = {name: s for name, s in senders.items() if s.apart}
    if not shown:
        return []
    with plot(2.7) as axes:
        # Of more members than can be told apart the first ones have a name, the others are grey.
        for i, (name, sender) in enumerate(shown.items()):
            known = i < len(LINES)
            colour, dash, marker = LINES[i] if known else ("grid", SOLID, "")
            rounds, values = list(sender.apart), [100 * a for a in sender.apart.values()]
            axes.plot(
                rounds,
                values,
                color=COLOURS[colour],
                linestyle=dash,
                marker=marker,
                markevery=max(1, len(rounds) // 6),
                markersize=4.5,
                linewidth=1.5,
                label=name if known else "_",
                zorder=3 if known else 2,
            )
        rounds_axis(axes)
        axes.set(ylabel="total variation, %", ylim=(0, None))
        axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), handlelength=3)
        words = "; ".join(
            f"{name} from {100 * next(iter(s.apart.values())):.1f} to "
            f"{100 * list(s.apart.values())[-1]:.1f}"
            for name, s in shown.items()
        )
        title = "Distance to each member"
        return [{"title": title, "svg": svg(axes, "apart-plot", title, f"In %: {words}.")}]


def traffic(lines: Sequence[dict[str, Any]]) -> list[Figure]:
    """Payload bytes so far: what was said, once, and what was heard from all."""
    rounds = [line["round"] for line in lines]
    said = list(accumulate(line["payload_bytes"] for line in lines))
    heard = list(accumulate(sum(line["heard"].values()) for line in lines))
    if not lines or not (said[-1] or heard[-1]):
        return []
    with plot(2.5) as axes:
        axes.plot(rounds, said, color=COLOURS["method"], label="said, one copy")
        axes.plot(rounds, heard, color=COLOURS["seed-only"], linestyle=(0, (5, 2)), label="heard")
        axes.yaxis.set_major_formatter(lambda amount, _: size(amount))
        axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), handlelength=3)
        rounds_axis(axes)
        axes.set_ylim(0, None)
        words = f"Said {size(said[-1])} in one copy, heard {size(heard[-1])}."
        title = "Payload so far"
        return [{"title": title, "svg": svg(axes, "traffic-plot", title, words), "caption": words}]
