"""The tables of flags in docs/runs.md, written from the classes: python tools/flags.py"""

from pathlib import Path

from fedh2l.algorithms import ALGORITHMS
from fedh2l.commands.flags import Flag, flag, flags_of, shown
from fedh2l.data import DATASETS
from fedh2l.data.own_data import OwnFile
from fedh2l.data.own_function import OwnFunction
from fedh2l.learners import MODELS
from fedh2l.learners.privacy import Privacy
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.parts import Honesty, Network, Views

PAGE = Path(__file__).parents[1] / "docs" / "runs.md"
BEGIN, END = "<!-- flags, by tools/flags.py -->\n", "<!-- end of flags -->\n"


def rows(flags: list[Flag]) -> str:
    lines = ["| flag | default | meaning |", "|---|---|---|"]
    for f, hint, words in flags:
        negative = "/--no-" + f.name.replace("_", "-") if hint in (bool, bool | None) else ""
        default = shown(f.default)
        cells = (
            flag(f.name) + negative,
            f"`{default}`" if default else "",
            " ".join(words.split()),
        )
        lines.append(f"| `{cells[0]}` | {cells[1]} | {cells[2]} |")
    return "\n".join(lines) + "\n"


def tables() -> str:
    """Of every run, then of each data set and each method."""
    own = flags_of(Experiment, leave_out=("views", "network", "honesty", "privacy"))
    parts = [
        f"Data sets: {names(DATASETS)}. Methods: {names(ALGORITHMS)}. Models: {names(MODELS)}.\n",
        "Of every run:\n",
        rows(
            [
                *own,
                *flags_of(Views),
                *flags_of(Network),
                *flags_of(Honesty),
                *flags_of(Privacy),
            ]
        ),
    ]
    parts += [
        "With `--data FILE`, a file or folder of your own:\n",
        rows(flags_of(OwnFile, ["data"])),
        "With `--data FILE.py:FUNCTION`, a function of your own:\n",
        rows(flags_of(OwnFunction, ["data"])),
    ]
    for option, table in (("data", DATASETS), ("algorithm", ALGORITHMS)):
        for name in table:
            kind = table[name]
            usual = defaults(kind) if option == "data" else ""
            parts += [f"With `--{option} {name}`{usual}:\n", rows(flags_of(kind))]
    return "\n".join(parts)


def names(table: object) -> str:
    return ", ".join(f"`{name}`" for name in table)  # type: ignore[attr-defined]


def defaults(data: type) -> str:
    """What an experiment on a data set takes where nobody says anything else."""
    told = {"rounds": data.rounds, "peers": shown(data.models)}  # type: ignore[attr-defined]
    yes = [n for n in ("mixtures", "baselines") if getattr(data, n)]
    words = ", ".join(f"`--{name} {value}`" for name, value in told.items())
    return f" (by default {words}{''.join(f', `--{n}`' for n in yes)})"


def page(text: str) -> str:
    """The page with its tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
