"""The cells of a run: the method itself and, to compare it with, the baselines."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from fedh2l.algorithms import ALGORITHMS
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.parts import Method

BASELINES = ("alone", "seed-only", "pooled")
FOLDER = "baselines"
# What a baseline takes from the method of the run, so that all have equal steps on as many rows.
SHARED = ("steps", "seed_batch", "reuse")


@dataclass(frozen=True)
class Cell:
    """One experiment with a name and a folder of its own: it is run, kept and resumed alone."""

    name: str
    experiment: Experiment
    folder: Path | None  # None: nothing is kept


def cells_of(experiment: Experiment, folder: Path | None, *, baselines: bool) -> list[Cell]:
    """The method and, if asked for, the baselines, in the order in which they are run: alone
    first, to compare with.
    """
    method = ALGORITHMS.name_of(type(experiment.algorithm))
    main = Cell(method, experiment, folder)
    if not baselines:
        return [main]
    cells: list[Cell] = []
    for name in dict.fromkeys(["alone", method, *BASELINES]):
        if name == method:
            cells.append(main)
            continue
        kind = ALGORITHMS[name]
        if experiment.unlabelled and getattr(kind, "needs_labels", False):
            continue
        place = None if folder is None else folder / FOLDER / name
        baseline = replace(experiment, algorithm=baseline_of(kind, experiment.algorithm))
        cells.append(Cell(name, baseline, place))
    return cells


def baseline_of(kind: type[Any], method: Method) -> Method:
    """A baseline with the steps, and the seed rows per step, of the method that it is compared
    with; where the method has no such field, the baseline's own default stands.
    """
    names = {f.name for f in fields(kind)} & set(SHARED)
    return kind(**{name: getattr(method, name) for name in names if hasattr(method, name)})
