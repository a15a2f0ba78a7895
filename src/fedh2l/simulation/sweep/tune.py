"""Choosing settings on validation rows: every candidate is run, and no test row is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean
from typing import Any

from fedh2l.simulation.settings import compose, settings_of
from fedh2l.simulation.sweep.plan import Group, Plan, Settings
from fedh2l.simulation.sweep.tables import CellLine, grouped

SEPARATOR = " | "  # between a setting's name and a candidate's, in the cells of a choice
CHOICES = "chosen.csv"


@dataclass(frozen=True)
class ChoiceLine:
    """A line of chosen.csv: a candidate, and its accuracy on the validation rows of all domains,
    the mean over the peers and n seeds. chosen: whether it is the best of its group.
    """

    algorithm: str
    data: str
    setting: str
    candidate: str
    n: int
    validation_all_domain: float | None  # None: one of its cells failed, so it is not eligible
    chosen: int


def candidates_of(plan: Plan, algorithm: str) -> list[Settings]:
    """Every combination of the values to choose among; of a method without any, none."""
    values = plan.tune.get(algorithm, {})
    if not values:
        return []
    names = [name.replace("-", "_") for name in values]
    return [dict(zip(names, chosen, strict=True)) for chosen in product(*values.values())]


def trials_of(plan: Plan, groups: Sequence[Group]) -> dict[tuple[str, str, str], list[Group]]:
    """By the names of a group: a group for each candidate, in the order of the candidates.

    Raises FedH2LError for a value that a setting may not have.
    """
    trials: dict[tuple[str, str, str], list[Group]] = {}
    for group in groups:
        for candidate in candidates_of(plan, group.algorithm):
            settings: dict[str, Any] = settings_of(group.experiment) | candidate
            experiment = compose(settings).resolved()
            trial = replace(
                group,
                setting=group.setting + SEPARATOR + words_of(candidate),
                experiment=experiment,
            )
            trials.setdefault(group.names, []).append(trial)
    return trials


def words_of(candidate: Settings) -> str:
    """weight=3.0 steps=5"""
    return " ".join(f"{name}={value}" for name, value in candidate.items())


def choices_of(
    plan: Plan,
    trials: dict[tuple[str, str, str], list[Group]],
    lines: Sequence[CellLine],
    seeds: Sequence[int],
) -> tuple[dict[tuple[str, str, str], Settings], list[ChoiceLine]]:
    """Of each group the settings that were best on the validation rows, and how all did.

    Of equals the first is chosen. A candidate counts if all of its cells are finished.
    """
    cells = grouped(lines)
    chosen: dict[tuple[str, str, str], Settings] = {}
    told: list[ChoiceLine] = []
    for names, its in trials.items():
        candidates = candidates_of(plan, names[0])
        means = [_mean(cells.get(trial.names, []), len(seeds)) for trial in its]
        known = [mean for mean in means if mean is not None]
        best = means.index(max(known)) if known else None
        if best is not None:
            chosen[names] = candidates[best]
        for i, candidate in enumerate(candidates):
            count = len(cells.get(its[i].names, []))
            line = ChoiceLine(*names, words_of(candidate), count, means[i], int(i == best))
            told.append(line)
    return chosen, told


def _mean(cells: Sequence[CellLine], count: int) -> float | None:
    """On the validation rows; None where a cell is missing."""
    if len(cells) < count:
        return None
    return fmean(cell.validation_all_domain for cell in cells)
