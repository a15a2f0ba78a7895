"""An experiment as flat settings, each under one name: the form of flags, environment and TOML.

A setting is a field of the experiment itself or of one of its parts. Types, ranges and words are
those of the field; there is no other list of them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import Field, fields, is_dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any, get_args, get_type_hints

from fedh2l.algorithms import ALGORITHMS
from fedh2l.choices import Choices
from fedh2l.data import DATASETS, dataset_of, name_of
from fedh2l.data.own_data import OwnFile
from fedh2l.error import FedH2LError, choose
from fedh2l.learners.privacy import Privacy
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.parts import Honesty, Network, Views

# The parts that are chosen by name, and the table of each.
TABLES: dict[str, Choices[Any]] = {"data": DATASETS, "algorithm": ALGORITHMS}
DEFAULTS = {"data": "digits", "algorithm": "fedh2l"}
PARTS: dict[str, type] = {
    "views": Views,
    "network": Network,
    "honesty": Honesty,
    "privacy": Privacy,
}


def kinds_of(data: str, algorithm: str) -> dict[str, type]:
    """The classes whose fields are the settings, by the field of the experiment that holds them."""
    return {"data": dataset_of(data), "algorithm": ALGORITHMS[algorithm], **PARTS}


def own_fields() -> list[Field[Any]]:
    """The settings of the experiment itself, its data set and its method by name."""
    return [f for f in fields(Experiment) if f.name not in PARTS]


def compose(settings: Mapping[str, Any]) -> Experiment:
    """The experiment with these settings; what is not named has its class's own default.

    Raises FedH2LError for an unknown setting (with the near miss, or with whose it is), and for a
    value that its field may not have.
    """
    chosen = {part: settings.get(part, DEFAULTS[part]) for part in TABLES}
    chosen = {part: n if isinstance(n, str) else repr(n) for part, n in chosen.items()}
    kinds = kinds_of(**chosen)
    check_names(settings, chosen)

    values = _arguments(Experiment, settings, leave_out=set(TABLES))
    for part, kind in kinds.items():
        # A data set that is a user's file has its name, data, as a field.
        values[part] = kind(**_arguments(kind, settings))
    return Experiment(**values)


def _arguments(
    kind: type, settings: Mapping[str, Any], leave_out: Collection[str] = ()
) -> dict[str, Any]:
    """The settings that are fields of a class, as Python has them: TOML knows lists and text where
    a field is a tuple or a path.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for f in fields(kind):
        if f.name not in settings or f.name in leave_out:
            continue
        value = settings[f.name]
        if isinstance(value, list):
            value = tuple(value)
        if isinstance(value, str) and Path in (hints[f.name], *get_args(hints[f.name])):
            value = Path(value)
        values[f.name] = value
    return values


def check_names(names: Iterable[str], chosen: Mapping[str, str]) -> None:
    """Refuse a name that is no setting of this data set with this method."""
    known = known_names(**chosen)
    for name in names:
        if name not in known:
            _refuse(name, known, chosen)


def known_names(data: str, algorithm: str) -> set[str]:
    """The settings of an experiment with this data set and this method."""
    names = {f.name for f in own_fields()}
    for kind in kinds_of(data, algorithm).values():
        names |= _names(kind)
    return names


def _refuse(name: str, known: set[str], chosen: Mapping[str, str]) -> None:
    for part, table in TABLES.items():
        owners = [other for other in table if name in _names(table[other])]
        if owners:
            # Some settings are those of nearly all methods.
            more = f" and {len(owners) - 2} more" if len(owners) > 2 else ""
            raise FedH2LError(
                f"{name} is a setting of {part} {' and '.join(owners[:2])}{more}, not of "
                f"{chosen[part]}; "
                f"leave it out, or choose another --{part}"
            )
    if name in {f.name for f in fields(OwnFile)}:
        raise FedH2LError(
            f"{name} is a setting of a file of your own, not of {chosen['data']}; leave it out, or "
            "name the file with --data"
        )
    choose("setting", name, known)


def _names(kind: type) -> set[str]:
    return {f.name for f in fields(kind) if f.init}


def settings_of(experiment: Experiment) -> dict[str, Any]:
    """The same, flat again: `compose(settings_of(e)) == e`. None is left out."""
    settings: dict[str, Any] = {}
    for f in fields(experiment):
        value = getattr(experiment, f.name)
        if f.name == "data":
            settings["data"] = name_of(value)
        elif f.name in TABLES:
            settings[f.name] = TABLES[f.name].name_of(type(value))
        if is_dataclass(value):
            settings |= {g.name: getattr(value, g.name) for g in fields(value) if g.init}
        else:
            settings[f.name] = value
    return {name: value for name, value in settings.items() if value is not None}


def digest_of(experiment: Experiment) -> str:
    """Names the outcome: the same for the same results, wherever the data lie."""
    settings = settings_of(experiment)
    settings.pop("data_dir", None)
    return sha256(dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]
