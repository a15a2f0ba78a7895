"""The tables of results in README and docs are those of the committed CSV, and nothing else."""

from pathlib import Path

import pytest

from fedh2l.simulation.sweep.plan import groups_of
from fedh2l.simulation.sweep.plan_file import read_plan
from fedh2l.simulation.sweep.tables import read_cells
from tables import PAGES, RESULTS, ROOT, TABLE, origin, page

FILES = sorted(RESULTS.glob("*.csv"))
SWEEPS = sorted((ROOT / "benchmarks" / "sweeps").glob("*.toml"))


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_every_table_is_what_its_results_make(path: Path) -> None:
    text = path.read_text("utf-8")
    assert page(text) == text, "run: make tables"


def test_every_committed_result_stands_in_a_table() -> None:
    named = {name for path in PAGES for _, name, _ in TABLE.findall(path.read_text("utf-8"))}
    assert {path.stem for path in FILES} == named and named


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_result_says_where_it_is_from_and_has_the_baselines(path: Path) -> None:
    cells = read_cells(path)
    assert {"alone", "seed-only", "pooled"} <= {cell.algorithm for cell in cells}
    assert "commit" in origin(path, cells)
    # Every seed that is in the table is there for every method.
    seeds = {cell.seed for cell in cells}
    for method in {cell.algorithm for cell in cells}:
        assert {c.seed for c in cells if c.algorithm == method} == seeds
    assert (ROOT / "benchmarks" / "sweeps" / f"{path.stem}.toml").is_file()


@pytest.mark.parametrize("path", SWEEPS, ids=lambda p: p.stem)
def test_every_sweep_of_the_benchmark_can_be_planned(path: Path) -> None:
    groups, _ = groups_of(read_plan(path))
    assert groups


def test_a_changed_figure_is_seen() -> None:
    (path,) = [p for p in PAGES if p.name == "benchmarks.md"]
    text = path.read_text("utf-8")
    first = TABLE.search(text)
    assert first is not None
    assert page(text.replace("| alone |", "| lonely |", 1)) != text.replace(
        "| alone |", "| lonely |", 1
    )
