"""The cells of a sweep by place: methods side by side on one data set in one setting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedh2l.commands.compare import bounds_of
from fedh2l.record.units import percent
from fedh2l.simulation.sweep.intervals import clearly_best, half_interval
from fedh2l.simulation.sweep.plan import USUAL
from fedh2l.simulation.sweep.tables import CellLine, grouped


@dataclass(frozen=True)
class Reached:
    """What a method reached over its seeds, of one measure, in [0, 1]."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def half(self) -> float | None:
        """Half of the 95 % interval of the mean; None of one seed."""
        return half_interval(np.array(self.values))

    @property
    def words(self) -> str:
        """Mean ± standard deviation, in %."""
        if len(self.values) < 2:
            return percent(self.mean)
        return f"{percent(self.mean)} ± {percent(float(np.std(self.values, ddof=1)))}"


@dataclass(frozen=True)
class Place:
    """A data set in a setting, with the cells of each method there.

    bounds: methods that have what nobody has, such as pooled. best: the method whose interval
    overlaps no other's, if there is one.
    """

    data: str
    setting: str
    cells: dict[str, list[CellLine]]
    bounds: tuple[str, ...]
    best: str | None

    @property
    def name(self) -> str:
        return self.data if self.setting == USUAL else f"{self.data}, {self.setting}"

    def reached(self, method: str, measure: str) -> Reached:
        return Reached(tuple(getattr(cell, measure) for cell in self.cells[method]))

    @property
    def verdict(self) -> str:
        """Which method is ahead here, in a sentence; or that none is."""
        rivals = [m for m in self.cells if m not in self.bounds] or list(self.cells)
        highest = max(rivals, key=lambda m: self.reached(m, "all_domain").mean)
        mean = self.reached(highest, "all_domain")
        count = len(mean.values)
        figure = f"{mean.words} % on all domains, over {count} {'seeds' if count > 1 else 'seed'}"
        if len(rivals) < 2:
            return f"On {self.name} {highest} reaches {figure}; nothing is compared with it."
        if self.best is not None:
            return (
                f"On {self.name} {self.best} is ahead of all others ({len(rivals) - 1}): {figure}; "
                "its 95 % interval overlaps none of theirs."
            )
        has_intervals = all(len(self.cells[m]) > 1 for m in rivals)
        why = "intervals overlap" if has_intervals else "of a single seed there is no interval"
        return (
            f"On {self.name} no method is ahead of all others: the highest mean is that of "
            f"{highest}, {figure}, and {why}."
        )


def places_of(cells: Sequence[CellLine]) -> list[Place]:
    """Every data set in every setting, in the order of the cells."""
    bounds = bounds_of(cells)
    best = clearly_best(cells, bounds)
    places: dict[tuple[str, str], dict[str, list[CellLine]]] = {}
    for (method, data, setting), group in grouped(cells).items():
        places.setdefault((data, setting), {})[method] = group
    winners = {(data, setting): method for method, data, setting in best}
    return [
        Place(*key, methods, tuple(b for b in bounds if b in methods), winners.get(key))
        for key, methods in places.items()
    ]
