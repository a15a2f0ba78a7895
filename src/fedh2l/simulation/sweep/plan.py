"""What a sweep computes: methods × data × settings × seeds, as experiments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.settings import check_names, compose, known_names

Settings = dict[str, Any]
USUAL = "default"  # the setting of a sweep that names none


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep file says.

    common: settings of every cell; on: of a data set; method: of a method; setting: those that are
    compared with each other, by name. Of two that name the same the later of these wins. All but
    those of a method count where they mean something, so one file may hold settings that only some
    of the methods or data sets have.
    tune: for a method the values among which its settings are chosen.
    """

    methods: tuple[str, ...]
    data: tuple[str, ...] = ("digits",)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    tune_seeds: tuple[int, ...] = ()  # by default the first of the seeds
    common: Settings = field(default_factory=dict[str, Any])
    on: Mapping[str, Settings] = field(default_factory=dict[str, Settings])
    method: Mapping[str, Settings] = field(default_factory=dict[str, Settings])
    setting: Mapping[str, Settings] = field(default_factory=dict[str, Settings])
    tune: Mapping[str, Mapping[str, list[Any]]] = field(
        default_factory=dict[str, Mapping[str, list[Any]]]
    )


@dataclass(frozen=True)
class Group:
    """A row of the table: a method on a data set in a setting; its cells differ in the seed."""

    algorithm: str
    data: str
    setting: str
    experiment: Experiment  # with the first seed

    @property
    def names(self) -> tuple[str, str, str]:
        return self.algorithm, self.data, self.setting

    def of_seed(self, seed: int) -> Experiment:
        """The experiment with this seed, which is all in which the cells of a group differ."""
        return replace(self.experiment, seed=seed)


@dataclass(frozen=True)
class LeftOut:
    """A method that cannot run on a data set in a setting, with the reason."""

    algorithm: str
    data: str
    setting: str
    reason: str


def groups_of(
    plan: Plan, chosen: Mapping[tuple[str, str, str], Settings] | None = None
) -> tuple[list[Group], list[LeftOut]]:
    """The rows of the table, in the order of the file: by data set, setting and method.

    chosen: settings that were chosen for some of them, before those of the file.
    Raises FedH2LError for a name or value that no cell could have, and where no method can run on
    a data set in a setting.
    """
    groups: list[Group] = []
    left_out: list[LeftOut] = []
    used: set[tuple[str, str]] = set()  # (table of the file, name) that meant something
    for data, setting in product(plan.data, plan.setting or {USUAL: {}}):
        words = plan.setting.get(setting, {})
        methods = words.get("methods", plan.methods)
        here: list[Group | LeftOut] = []
        # In the order of the methods' list, whatever that of the setting is.
        for algorithm in sorted(methods, key=plan.methods.index):
            names = (algorithm, data, setting)
            settings = _settings(plan, names, used) | (chosen or {}).get(names, {})
            here.append(_group(names, settings, plan.seeds[0]))
        _check_any(here)
        groups += [g for g in here if isinstance(g, Group)]
        left_out += [g for g in here if isinstance(g, LeftOut)]
    _check_used(plan, used)
    return groups, left_out


def _settings(plan: Plan, names: tuple[str, str, str], used: set[tuple[str, str]]) -> Settings:
    """Those of the file that mean something here; what it used of the file goes into `used`."""
    algorithm, data, setting = names
    known = known_names(data, algorithm)
    tables = {
        "common": plan.common,
        f"on.{data}": plan.on.get(data, {}),
        f"method.{algorithm}": plan.method.get(algorithm, {}),
        f"setting.{setting}": plan.setting.get(setting, {}),
    }
    settings: Settings = {"algorithm": algorithm, "data": data}
    for table, words in tables.items():
        for name, value in words.items():
            if name in known:
                settings[name] = value
                used.add((table, name))
    return settings


def _group(names: tuple[str, str, str], settings: Settings, seed: int) -> Group | LeftOut:
    experiment = compose(settings | {"seed": seed})  # a value that it may not have ends the sweep
    try:
        return Group(*names, experiment.resolved())
    except FedH2LError as error:
        return LeftOut(*names, str(error))


def _check_any(here: Iterable[Group | LeftOut]) -> None:
    """Where no method can run at all, it is not the methods' fault."""
    every = list(here)
    refused = [g for g in every if isinstance(g, LeftOut)]
    if refused and len(refused) == len(every):
        first = refused[0]
        where = f"{first.algorithm} on {first.data}, setting {first.setting}"
        raise FedH2LError(f"{where}: {first.reason}")


def _check_used(plan: Plan, used: set[tuple[str, str]]) -> None:
    """Refuse a name that means nothing in any cell: whoever wrote it believes that it does."""
    tables = {"common": plan.common}
    for kind in ("on", "method", "setting"):
        named: Mapping[str, Settings] = getattr(plan, kind)
        tables |= {f"{kind}.{name}": words for name, words in named.items()}
    for table, words in tables.items():
        for name in words:
            if (table, name) not in used and name != "methods":
                _refuse(plan, table, name)


def _refuse(plan: Plan, table: str, name: str) -> None:
    """Say whose setting it is, or the near miss."""
    kind, _, of = table.partition(".")
    method = of if kind == "method" else plan.methods[0]
    data = of if kind == "on" else plan.data[0]
    try:
        check_names([name], {"data": data, "algorithm": method})
    except FedH2LError as error:
        raise FedH2LError(f"[{table}]: {error}") from error
    raise FedH2LError(f"[{table}]: {name} means nothing in any cell of this sweep")


def steps_of(group: Group) -> int:
    """Local steps of a peer in all rounds."""
    assert group.experiment.rounds is not None
    return group.experiment.rounds * group.experiment.algorithm.steps


def unequal_steps(groups: Iterable[Group]) -> list[str]:
    """A sentence for each data set and setting whose methods do not take equally many steps."""
    steps: dict[tuple[str, str], dict[int, list[str]]] = {}
    for group in groups:
        counts = steps.setdefault((group.data, group.setting), {})
        counts.setdefault(steps_of(group), []).append(group.algorithm)
    return [
        f"{data}, {setting}: not at equal local steps: "
        + "; ".join(f"{', '.join(methods)} {count}" for count, methods in counts.items())
        for (data, setting), counts in steps.items()
        if len(counts) > 1
    ]
