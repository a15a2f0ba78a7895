"""`fedh2l sweep`: methods × data sets × settings × seeds, with tables at the end."""

import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from fedh2l.commands.environment import DATA
from fedh2l.commands.sweep_call import SweepCall
from fedh2l.error import FedH2LError
from fedh2l.simulation.settings import known_names
from fedh2l.simulation.sweep.plan import Plan
from fedh2l.simulation.sweep.plan_file import plan_of, read_plan

MOST_WORKERS = 1024
STOPPED = 130  # the exit code of a program that Ctrl-C ended


def sweep(
    file: Path | None = None,
    /,
    *,
    methods: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)
    ] = (),
    data: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)
    ] = (),
    seeds: int | None = None,
    settings: Annotated[
        tuple[str, ...], Parameter(name="--set", negative=(), show_default=False)
    ] = (),
    out: Path | None = None,
    workers: Annotated[int | None, Parameter(name=["--workers", "-j"])] = None,
    tune: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    dry_run: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> None:
    """Run methods × data sets × settings × seeds; write table.csv and cells.csv.

    A cell is kept by a hash of its configuration, its data and the code, and computed once. A cell
    that fails is reported at the end with its log, and stops no other; the exit code is then 1.

    Parameters
    ----------
    file
        A TOML file as in the example below.
    methods
        Methods, instead of those in the file.
    data
        Data sets, instead of those in the file.
    seeds
        So many seeds from 0 on, instead of those in the file.
    settings
        A setting of every cell, such as rounds=8; goes before the file's [common].
    out
        The sweep's folder; by default sweeps/ and the name of the file.
    workers
        Cells at a time, each in a process; by default one per core. The results do not depend on
        it.
    tune
        Choose the settings below [tune.METHOD] on validation rows, with tune_seeds (by default the
        first seed), before the sweep.
    dry_run
        Tell what would be computed, and compute nothing.
    as_json
        Print the tables as JSON; progress goes to standard error.
    """
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise FedH2LError(f"workers is {workers}; it must be 1 to {MOST_WORKERS}")
    plan = _plan(file, methods, data, seeds, settings)
    place = out or Path("sweeps") / (file.stem if file else "flags")
    call = SweepCall(plan, place, workers or os.cpu_count() or 1, Console(stderr=as_json))
    try:
        if dry_run:
            call.tell_plan()
            return
        ended = call.run(tune=tune, as_json=as_json)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on", file=sys.stderr)
        sys.exit(STOPPED)
    if ended:
        sys.exit(1)


def _plan(
    file: Path | None,
    methods: Sequence[str],
    data: Sequence[str],
    seeds: int | None,
    settings: Sequence[str],
) -> Plan:
    """What the file says, with the flags in place of its words."""
    instead: dict[str, Any] = {"methods": list(methods), "data": list(data), "seeds": seeds}
    instead = {name: value for name, value in instead.items() if value}
    if seeds is not None and seeds < 1:
        raise FedH2LError(f"seeds is {seeds}; it must be 1 or more")
    plan = read_plan(file, instead) if file else plan_of(instead)
    plan.common.update(_setting(words) for words in settings)
    folder = os.environ.get(DATA)
    if folder and any("data_dir" in known_names(name, plan.methods[0]) for name in plan.data):
        plan.common.setdefault("data_dir", folder)
    return plan


def _setting(words: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as in TOML; a bare word is text."""
    name, equals, value = words.partition("=")
    if not equals or not name:
        raise FedH2LError(f"--set {words}: expected NAME=VALUE, such as --set rounds=8")
    try:
        found = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        found = value
    return name.replace("-", "_"), found
