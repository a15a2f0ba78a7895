"""The tables of results in README and docs, from the committed CSV: python tools/tables.py

A table stands between <!-- table: NAME --> and <!-- end of table -->, and is of
benchmarks/results/NAME.csv.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from fedh2l.commands.compare import bounds_of
from fedh2l.commands.comparison_text import markdown, results, verdicts
from fedh2l.simulation.sweep.intervals import clearly_best
from fedh2l.simulation.sweep.statistics import compared
from fedh2l.simulation.sweep.tables import CellLine, read_cells

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def page(text: str) -> str:
    """A page with its tables as the committed results make them."""
    return TABLE.sub(lambda found: found[1] + table(found[2]) + found[3], text)


def table(name: str) -> str:
    """The means, what they are from, and every method against the first."""
    path = RESULTS / f"{name}.csv"
    cells = read_cells(path)
    parts = [
        markdown(results(cells, clearly_best(cells, bounds_of(cells)))),
        origin(path, cells),
        markdown(verdicts(compared(cells))),
    ]
    return "\n" + "\n".join(parts) + "\n"


def origin(path: Path, cells: Sequence[CellLine]) -> str:
    """Seeds, date, commit and command."""
    about: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# "):
            key, _, value = line.removeprefix("# ").partition(": ")
            about[key] = value
    seeds = ", ".join(str(seed) for seed in sorted({cell.seed for cell in cells}))
    return (
        f"Seeds {seeds}; {about['date']}, commit {about['commit']}, `{about['command']}` "
        f"({about['versions']}).\n"
    )


if __name__ == "__main__":
    for place in PAGES:
        place.write_text(page(place.read_text("utf-8")), "utf-8")
