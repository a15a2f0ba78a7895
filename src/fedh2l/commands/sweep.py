"""`fedh2l sweep`: methods × data sets × settings × seeds, with tables at the end."""

import json
import os
import shlex
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from fedh2l.commands.sweep_screen import SweepScreen, results_table
from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file
from fedh2l.simulation.sweep.plan import Group, Plan, Settings, groups_of, unequal_steps
from fedh2l.simulation.sweep.plan_file import plan_of, read_plan
from fedh2l.simulation.sweep.processes import carry_out
from fedh2l.simulation.sweep.sweep import SweepFolder
from fedh2l.simulation.sweep.tables import TABLE, csv_text, table_of
from fedh2l.simulation.sweep.tune import CHOICES, ChoiceLine, choices_of, trials_of

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
    command = _Command(plan, place, workers or os.cpu_count() or 1, Console(stderr=as_json))
    try:
        if dry_run:
            command.tell_plan()
            return
        ended = command.run(tune=tune, as_json=as_json)
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


class _Command:
    """One call of the command: what it computes, where, and on which screen."""

    def __init__(self, plan: Plan, place: Path, workers: int, console: Console) -> None:
        self.plan, self.place, self.workers, self.console = plan, place, workers, console

    def tell_plan(self) -> None:
        """What would be computed."""
        groups, left_out = groups_of(self.plan)
        for group in groups:
            self._say(f"{', '.join(group.names)}: seeds {', '.join(map(str, self.plan.seeds))}")
        for one in left_out:
            self._say(f"left out: {one.algorithm}, {one.data}, {one.setting}: {one.reason}")
        for sentence in unequal_steps(groups):
            self._say(sentence)
        self._say(f"{len(groups) * len(self.plan.seeds)} cells, into {self.place}")

    def run(self, *, tune: bool, as_json: bool) -> bool:
        """Compute, write and tell; returns whether a cell has failed."""
        groups, left_out = groups_of(self.plan)
        notes = unequal_steps(groups)
        about: dict[str, Any] = {"notes": notes}
        with SweepFolder(self.place, left_out=left_out) as folder:
            if tune:
                groups, about["chosen"] = self._tuned(folder, groups)
            elif self.plan.tune:
                self._say("[tune] is not used without --tune")
            self._compute(folder, groups, self.plan.seeds, "cells", about)
            lines = folder.write(groups, self.plan.seeds, about)
        self._say_rest(folder, notes)
        if as_json:
            answer = {"out": str(self.place), "table": [asdict(line) for line in table_of(lines)]}
            answer |= {"failed": [asdict(f) for f in folder.failed]}
            answer |= {"left_out": [asdict(one) for one in left_out]} | about
            print(json.dumps(answer, indent=1))
        else:
            self.console.print(results_table(table_of(lines)))
            self._say(f"written to {self.place / TABLE} and cells.csv beside it")
        return bool(folder.failed)

    def _tuned(
        self, folder: SweepFolder, groups: Sequence[Group]
    ) -> tuple[list[Group], list[dict[str, Any]]]:
        """The groups with the settings that were chosen, and what the candidates reached."""
        plan = self.plan
        if not plan.tune:
            raise FedH2LError("--tune: nothing to choose; name values below [tune.METHOD]")
        seeds = plan.tune_seeds or plan.seeds[:1]
        trials = trials_of(plan, groups)
        every = [trial for its in trials.values() for trial in its]
        self._compute(folder, every, seeds, "candidates", None)
        chosen, told = choices_of(plan, trials, folder.lines(every, seeds), seeds)
        write_file(folder.path / CHOICES, csv_text(ChoiceLine, told).encode())
        for names, settings in chosen.items():
            self._say(f"chosen on validation: {', '.join(names)}: {_words(settings)}")
        # A group of which no candidate could be computed has no chosen settings: it is not run.
        kept, _ = groups_of(plan, chosen)
        lost = set(trials) - set(chosen)
        return [g for g in kept if g.names not in lost], [asdict(line) for line in told]

    def _compute(
        self,
        folder: SweepFolder,
        groups: Sequence[Group],
        seeds: Sequence[int],
        what: str,
        about: dict[str, Any] | None,
    ) -> None:
        """Compute the cells of these groups; with `about` the tables are written as they come."""
        self._say("looking at the data", end="\r" if self.console.is_terminal else "\n")
        jobs = folder.plan(groups, seeds)
        whole = len(groups) * len(seeds)
        screen = SweepScreen(jobs, folder.kinds(), self.workers, self.console, what)
        done = len(folder.lines(groups, seeds))
        if done:
            self._say(f"{done} of {whole} {what} were finished before")
        with screen:
            for news in folder.compute(jobs, self.workers, carry_out):
                screen.show(news)
                if about is not None and screen.is_end(news):
                    folder.write(groups, seeds, about)

    def _say_rest(self, folder: SweepFolder, notes: Sequence[str]) -> None:
        for one in folder.left_out:
            self._say(f"left out: {one.algorithm}, {one.data}, {one.setting}: {one.reason}")
        for sentence in notes:
            self._say(sentence)
        for cell in folder.failed:
            names = f"{cell.algorithm}, {cell.data}, {cell.setting}, seed {cell.seed}"
            self._say(f"failed: {names}: {cell.reason}; its log: {shlex.quote(cell.log)}")

    def _say(self, words: str, end: str = "\n") -> None:
        # A path or a name of the user's is text and not markup.
        self.console.print(Text(words), soft_wrap=True, end=end)


def _words(settings: Settings) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
