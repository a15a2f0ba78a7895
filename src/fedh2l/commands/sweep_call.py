"""One call of `fedh2l sweep`: settings are chosen if asked for, cells computed, tables written."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from fedh2l.commands.compare import write_texts
from fedh2l.commands.sweep_screen import SweepScreen, results_table
from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file
from fedh2l.simulation.sweep.plan import Group, Plan, Settings, groups_of, unequal_steps
from fedh2l.simulation.sweep.plan_file import PLAN, plan_text
from fedh2l.simulation.sweep.processes import carry_out
from fedh2l.simulation.sweep.statistics import compared
from fedh2l.simulation.sweep.sweep import SweepFolder
from fedh2l.simulation.sweep.tables import TABLE, csv_text, table_of
from fedh2l.simulation.sweep.tune import CHOICES, ChoiceLine, choices_of, trials_of


class SweepCall:
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
            write_file(self.place / PLAN, plan_text(self.plan).encode())
            if tune:
                groups, about["chosen"] = self._tuned(folder, groups)
            elif self.plan.tune:
                self._say("[tune] is not used without --tune")
            self._compute(folder, groups, self.plan.seeds, "cells", about)
            lines = folder.write(groups, self.plan.seeds, about)
            write_texts(self.place, lines, compared(lines), "all_domain")
        if lines:
            # Drawing needs matplotlib, which nobody waits for before there is something to draw.
            from fedh2l.commands.report import write_report

            write_report(self.place)
        self._say_rest(folder, notes)
        if as_json:
            answer = {"out": str(self.place), "table": [asdict(line) for line in table_of(lines)]}
            answer |= {"failed": [asdict(f) for f in folder.failed]}
            answer |= {"left_out": [asdict(one) for one in left_out]} | about
            print(json.dumps(answer, indent=1))
        else:
            self.console.print(results_table(table_of(lines)))
            beside = "cells.csv, results.md, comparisons.md and report.html"
            self._say(f"written to {self.place / TABLE}; {beside} beside it")
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
