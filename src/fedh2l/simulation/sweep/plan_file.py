"""The file of a sweep: TOML with lists of methods, data sets and seeds, and tables of settings."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w

from fedh2l.algorithms import ALGORITHMS
from fedh2l.data import dataset_of
from fedh2l.error import FedH2LError, choose
from fedh2l.simulation.settings import check_names
from fedh2l.simulation.sweep.plan import Plan

PLAN = "sweep.toml"  # of a sweep's folder: the plan of the last call
LISTS = ("methods", "data", "seeds", "tune_seeds")
TABLES = ("common", "on", "method", "setting", "tune")
# What a cell has of the lists, so that no table may say it.
NOT_IN_TABLES = {"seed": "seeds", "algorithm": "methods", "data": "data"}


def read_plan(path: Path, instead: Mapping[str, Any] | None = None) -> Plan:
    """The plan in a TOML file; `instead`: keys that go before those of the file."""
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except ValueError as error:
        raise FedH2LError(f"{path}: not a TOML file in UTF-8 ({error})") from error
    try:
        return plan_of(content | dict(instead or {}))
    except FedH2LError as error:
        raise FedH2LError(f"{path}: {error}") from error


def plan_of(content: Mapping[str, Any]) -> Plan:
    """The plan that these keys say, each name checked. `seeds = 5` stands for 0 to 4."""
    named = {name.replace("-", "_"): value for name, value in content.items()}
    _check_keys(named)
    values: dict[str, Any] = {n: _listed(n, named[n]) for n in LISTS if n in named}
    values["common"] = _settings("common", named.get("common", {}))
    for table in ("on", "method", "setting"):
        values[table] = {n: _settings(n, words) for n, words in named.get(table, {}).items()}
    values["tune"] = {n: _values(n, words) for n, words in named.get("tune", {}).items()}
    plan = Plan(**values)
    _check(plan)
    return plan


def plan_text(plan: Plan) -> str:
    """A file with which `fedh2l sweep` repeats a plan: `read_plan` gives the same."""
    content = {name: value for name, value in asdict(plan).items() if value}
    return tomli_w.dumps(content)


def _check_keys(named: Mapping[str, Any]) -> None:
    """Refuse what is neither one of the lists nor one of the tables."""
    for name, value in named.items():
        if name not in LISTS + TABLES and not isinstance(value, dict):
            raise FedH2LError(
                f"{name} stands in no table; settings of every cell stand below [common], and what "
                f"may stand above it is {', '.join(LISTS)}"
            )
        choose("table", name, LISTS + TABLES)
        if isinstance(value, dict) == (name in LISTS):
            raise FedH2LError(f"{name} is {value!r}, expected a {_expected(name)}")
    if not named.get("methods"):
        raise FedH2LError('no methods; name some, such as methods = ["fedh2l", "alone"]')


def _expected(name: str) -> str:
    return "list" if name in LISTS else "table"


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    is_seeds = name in ("seeds", "tune_seeds")
    items: list[Any] = list(value) if isinstance(value, list | tuple) else []
    if is_seeds and type(value) is int:
        items = list(range(value))
    kind = int if is_seeds else str
    if not items or not all(type(item) is kind for item in items):
        what = "numbers, or how many" if is_seeds else "names"
        raise FedH2LError(f"{name} is {value!r}, expected a list of {what}")
    if len(set(items)) < len(items):
        raise FedH2LError(f"{name} names something twice: {', '.join(map(str, items))}")
    return tuple(items)


def _settings(table: str, words: Any) -> dict[str, Any]:
    """A table of settings; a '-' in a name counts as '_'."""
    if not isinstance(words, dict):
        raise FedH2LError(f"{table} is {words!r}, expected a table of settings")
    settings = {name.replace("-", "_"): value for name, value in words.items()}
    for name, instead in NOT_IN_TABLES.items():
        if name in settings:
            raise FedH2LError(f"[{table}] has {name}; put it into the list {instead} instead")
    return settings


def _values(method: str, words: Any) -> dict[str, list[Any]]:
    """The values among which settings of a method are chosen."""
    values = _settings(f"tune.{method}", words)
    for name, options in values.items():
        if not isinstance(options, list) or not options:
            raise FedH2LError(f"[tune.{method}] {name} is {options!r}, expected a list of values")
    return values


def _check(plan: Plan) -> None:
    """Every method and data set is known, and each table is about one that is swept."""
    for method in plan.methods:
        choose("method", method, ALGORITHMS)
    for data in plan.data:
        dataset_of(data)
    for kind, table, known in (
        ("method", plan.method, plan.methods),
        ("on", plan.on, plan.data),
        ("tune", plan.tune, plan.methods),
    ):
        for name in table:
            choose(f"table [{kind}.…] of this sweep", name, known)
    for setting, words in plan.setting.items():
        for method in words.get("methods", ()):
            choose(f"method of [setting.{setting}]", method, plan.methods)
    for method, values in plan.tune.items():
        check_names(values, {"data": plan.data[0], "algorithm": method})
