"""`fedh2l compare`: runs and sweeps that exist, side by side, with paired tests."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedh2l.algorithms import ALGORITHMS
from fedh2l.commands.comparison_text import Words, latex, markdown, results, verdicts
from fedh2l.commands.rank_diagram import rank_diagram
from fedh2l.commands.sweep_screen import results_table
from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file
from fedh2l.simulation.sweep.intervals import clearly_best
from fedh2l.simulation.sweep.ranks import ranks_of
from fedh2l.simulation.sweep.sources import cells_of_all
from fedh2l.simulation.sweep.statistics import Comparison, Test, compared
from fedh2l.simulation.sweep.tables import CellLine, csv_text, table_of, write_tables

Measure = Literal["all_domain", "own", "worst_domain", "ece", "nll"]


def compare(
    *folders: Path,
    against: str | None = None,
    measure: Measure = "all_domain",
    test: Test = "t",
    across_settings: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    out: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> None:
    """Compare runs and sweeps that exist.

    Parameters
    ----------
    folders
        Sweeps, finished runs, or cells.csv files. Runs that differ in a setting besides method,
        data and seed are told apart by it.
    against
        The method that all others are compared with, by default the first; "all" for every pair.
    measure
        What is compared: accuracy on all domains, on the own, on the worst, calibration error, or
        negative log-likelihood; all on test rows.
    test
        Over seeds: the paired t test (3 seeds or more), or Wilcoxon's signed ranks (6 or more).
    across_settings
        A method in two settings counts as two methods, such as labelled against unlabelled;
        otherwise each setting is a place of its own, and methods are compared within it.
    out
        A folder for results.md, results.tex, comparisons.csv, comparisons.md, comparisons.tex,
        table.csv, cells.csv and, of five data sets or more, ranks.svg.
    as_json
        Print the comparisons and the table as JSON.
    """
    if not folders:
        raise FedH2LError("nothing to compare; name runs or sweeps: fedh2l compare sweeps/mine")
    cells = cells_of_all(folders)
    if across_settings:
        cells = [replace(c, algorithm=_with_setting(c), setting="") for c in cells]
    comparisons = compared(cells, against, measure=measure, test=test)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_tables(out, cells)
        write_texts(out, cells, comparisons, measure)
    if as_json:
        table = [asdict(line) for line in table_of(cells)]
        print(
            json.dumps({"table": table, "comparisons": [asdict(c) for c in comparisons]}, indent=1)
        )
        return
    console = Console()
    console.print(results_table(table_of(cells)))
    if comparisons:
        words = verdicts(comparisons)
        console.print(_screen_table(words, f"paired comparisons of {measure}"))
        console.print(Text(words.note))
    else:
        console.print("no two methods in one place with a seed in common: nothing to test")


def write_texts(
    folder: Path, cells: Sequence[CellLine], comparisons: Sequence[Comparison], measure: str
) -> None:
    """Results and comparisons as Markdown and LaTeX, comparisons.csv, and the diagram of ranks
    where there are enough data sets; each file whole or as it was.
    """
    bounds = bounds_of(cells)
    texts = {
        "results": results(cells, clearly_best(cells, bounds)),
        "comparisons": verdicts(comparisons),
    }
    for name, words in texts.items():
        write_file(folder / f"{name}.md", markdown(words).encode())
        write_file(folder / f"{name}.tex", latex(words).encode())
    write_file(folder / "comparisons.csv", csv_text(Comparison, comparisons).encode())
    ranks = ranks_of(cells, bounds, measure)
    if ranks is not None:
        write_file(folder / "ranks.svg", rank_diagram(ranks).encode())


def bounds_of(cells: Sequence[CellLine]) -> list[str]:
    """The methods that have what nobody has, such as pooled: no candidates for the best."""
    found: list[str] = []
    for method in dict.fromkeys(cell.algorithm for cell in cells):
        name = method.partition(" (")[0]  # with --across-settings the setting follows
        if name in ALGORITHMS and getattr(ALGORITHMS[name], "pooled", False):
            found.append(method)
    return found


def _with_setting(cell: CellLine) -> str:
    return cell.algorithm if cell.setting == "default" else f"{cell.algorithm} ({cell.setting})"


def _screen_table(words: Words, title: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, heading in enumerate(words.headings):
        is_text = i < words.left or heading == "verdict"
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    for row in words.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
