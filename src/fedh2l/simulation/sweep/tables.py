"""cells.csv and table.csv: what a sweep found, a line per cell and a line per method, data set and
setting (docs/sweeps.md).
"""

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file

CELLS, TABLE = "cells.csv", "table.csv"
DECIMALS = {"payload_bytes": 1, "cpu_seconds": 2}  # after the point; of all others 6


@dataclass(frozen=True)
class CellLine:
    """A line of cells.csv: a finished cell. Means over the peers, on the test rows where nothing
    else is said; accuracies, ECE and AUC are in [0, 1], NLL is in nats.
    """

    algorithm: str
    data: str
    setting: str
    seed: int
    own: float
    all_domain: float
    worst_domain: float
    ece: float  # on all domains, as nll
    nll: float
    all_domain_auc: float | None  # of two classes
    validation_all_domain: float  # what settings are chosen by
    payload_bytes: float  # sent by a peer
    cpu_seconds: float  # of all rounds of all peers
    cell: str  # the name of its folder: a hash of configuration, data and code

    @property
    def group(self) -> tuple[str, str, str]:
        """Of cells that differ in their seed only."""
        return self.algorithm, self.data, self.setting


@dataclass(frozen=True)
class TableLine:
    """A line of table.csv: the cells of a method on a data set in a setting, over n seeds. A
    standard deviation is that of a sample (n - 1); of one seed there is none.
    """

    algorithm: str
    data: str
    setting: str
    n: int
    own_mean: float
    own_std: float | None
    all_domain_mean: float
    all_domain_std: float | None
    worst_domain_mean: float
    ece_mean: float
    payload_bytes: float
    cpu_seconds: float


def grouped(cells: Iterable[CellLine]) -> dict[tuple[str, str, str], list[CellLine]]:
    """The cells of each (algorithm, data, setting), in the order in which these first appear."""
    groups: dict[tuple[str, str, str], list[CellLine]] = {}
    for cell in cells:
        groups.setdefault(cell.group, []).append(cell)
    return groups


def table_of(cells: Iterable[CellLine]) -> list[TableLine]:
    """Means and standard deviations over the seeds."""
    return [_line_of(group) for group in grouped(cells).values()]


def _line_of(cells: Sequence[CellLine]) -> TableLine:
    return TableLine(
        *cells[0].group,
        n=len(cells),
        own_mean=_mean(cells, "own"),
        own_std=_std(cells, "own"),
        all_domain_mean=_mean(cells, "all_domain"),
        all_domain_std=_std(cells, "all_domain"),
        worst_domain_mean=_mean(cells, "worst_domain"),
        ece_mean=_mean(cells, "ece"),
        payload_bytes=_mean(cells, "payload_bytes"),
        cpu_seconds=_mean(cells, "cpu_seconds"),
    )


def _mean(cells: Sequence[CellLine], name: str) -> float:
    return statistics.fmean(getattr(cell, name) for cell in cells)


def _std(cells: Sequence[CellLine], name: str) -> float | None:
    if len(cells) < 2:
        return None
    return statistics.stdev(getattr(cell, name) for cell in cells)


def csv_text(kind: type, lines: Iterable[Any]) -> str:
    """Lines of one dataclass as CSV, with its fields as headings."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(f.name for f in fields(kind))
    for line in lines:
        writer.writerow(_text(name, value) for name, value in asdict(line).items())
    return out.getvalue()


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{DECIMALS.get(name, 6)}f}"
    return str(value)


def write_tables(folder: Path, cells: Sequence[CellLine]) -> None:
    """cells.csv and table.csv, each whole or as it was."""
    write_file(folder / CELLS, csv_text(CellLine, cells).encode())
    # Of the figures as they stand in cells.csv, so that whoever has that file alone gets the same.
    table = table_of(read_cells(folder / CELLS))
    write_file(folder / TABLE, csv_text(TableLine, table).encode())


def read_cells(path: Path) -> list[CellLine]:
    """The lines of a cells.csv. Raises FedH2LError where it is not one."""
    return _read(path, CellLine)


def read_table(path: Path) -> list[TableLine]:
    """The lines of a table.csv. Raises FedH2LError where it is not one."""
    return _read(path, TableLine)


def _read(path: Path, kind: type) -> list[Any]:
    names, hints = [f.name for f in fields(kind)], get_type_hints(kind)
    with path.open(encoding="utf-8", newline="") as file:
        # Lines that begin with # say where the figures are from.
        lines = list(csv.reader(line for line in file if not line.startswith("#")))
    if not lines or lines[0] != names:
        raise FedH2LError(f"{path}: not such a table; its first line should be {','.join(names)}")
    found: list[Any] = []
    for number, words in enumerate(lines[1:], 2):
        try:
            values = {n: _value(hints[n], w) for n, w in zip(names, words, strict=True)}
        except ValueError as error:
            raise FedH2LError(f"{path}: line {number} is damaged ({error})") from error
        found.append(kind(**values))
    return found


def _value(hint: Any, word: str) -> Any:
    if hint in (str, int, float):
        return hint(word)
    return float(word) if word else None  # float | None
