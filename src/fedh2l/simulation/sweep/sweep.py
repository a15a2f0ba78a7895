"""Running a sweep: what is finished is read, the rest is computed, and the tables are written as
cells come in.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from fedh2l.record.atomic import write_file
from fedh2l.record.lock import lock_folder
from fedh2l.simulation.summary import versions
from fedh2l.simulation.sweep.fingerprint import code_version, name_of_cell
from fedh2l.simulation.sweep.job import Job, line_of_cell
from fedh2l.simulation.sweep.plan import Group, LeftOut
from fedh2l.simulation.sweep.processes import Ended, Executor, News
from fedh2l.simulation.sweep.tables import CellLine, write_tables

ABOUT = "sweep.json"
BUSY = "another fedh2l sweep is writing into this folder; wait for it, or choose another --out"


@dataclass(frozen=True)
class Failed:
    """A cell that could not be computed."""

    algorithm: str
    data: str
    setting: str
    seed: int
    reason: str
    log: str


@dataclass
class SweepFolder:
    """A sweep's folder, locked while it is entered: `cells/` and `logs/`, one of each for a cell;
    cells.csv, table.csv and sweep.json. Groups that are equal share their cells.
    """

    path: Path
    failed: list[Failed] = field(default_factory=list[Failed])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    _jobs: dict[tuple[str, str, str, int], Job] = field(
        default_factory=dict[tuple[str, str, str, int], Job]
    )
    _lines: dict[tuple[str, str, str, int], CellLine] = field(
        default_factory=dict[tuple[str, str, str, int], CellLine]
    )
    _lock: TextIO | None = None

    def __enter__(self) -> "SweepFolder":
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(self.path, BUSY)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock:
            self._lock.close()

    def plan(self, groups: Sequence[Group], seeds: Sequence[int]) -> list[Job]:
        """The jobs of these cells that are not finished yet, each once. Reads all of the data.

        What was finished before, by this call or an earlier process, is in `lines` at once.
        """
        unfinished: dict[str, Job] = {}
        # By data set and seed, so that no data set is read twice.
        for seed in seeds:
            for group in groups:
                experiment = group.of_seed(seed)
                name = name_of_cell(experiment)
                folder = self.path / "cells" / name
                job = Job(name, experiment, folder, self.path / "logs" / f"{name}.txt")
                key = (*group.names, seed)
                self._jobs[key] = job
                if job.is_finished:
                    self._lines[key] = line_of_cell(job, group.names)
                else:
                    unfinished.setdefault(name, job)
        return list(unfinished.values())

    def compute(self, jobs: Sequence[Job], processes: int, executor: Executor) -> Iterator[News]:
        """Do the jobs; what each of them reached is kept, and every group that shares it has it."""
        for news in executor(jobs, processes):
            if isinstance(news, Ended):
                self._take(news)
            yield news

    def _take(self, ended: Ended) -> None:
        for (algorithm, data, setting, seed), job in self._jobs.items():
            if job.name != ended.job:
                continue
            names = (algorithm, data, setting)
            if ended.reason is None:
                self._lines[*names, seed] = line_of_cell(job, names)
            else:
                self.failed.append(Failed(*names, seed, ended.reason, str(job.log)))

    def kinds(self) -> dict[str, tuple[str, str]]:
        """The method and data set of each job: of one kind, cells take about as long."""
        return {job.name: (key[0], key[1]) for key, job in self._jobs.items()}

    def lines(self, groups: Sequence[Group], seeds: Sequence[int]) -> list[CellLine]:
        """The finished cells of these groups, in their order and not in that of finishing."""
        keys = [(*group.names, seed) for group in groups for seed in seeds]
        return [self._lines[key] for key in keys if key in self._lines]

    def write(
        self, groups: Sequence[Group], seeds: Sequence[int], about: Mapping[str, Any]
    ) -> list[CellLine]:
        """cells.csv, table.csv and sweep.json, of all that is finished."""
        lines = self.lines(groups, seeds)
        write_tables(self.path, lines)
        content = {
            "cells": len(groups) * len(seeds),
            "finished": len(lines),
            "failed": [asdict(f) for f in self.failed],
            "left_out": [asdict(one) for one in self.left_out],
            "code": code_version(),
            "versions": versions(),
            **about,
        }
        write_file(self.path / ABOUT, json.dumps(content, indent=1).encode())
        return lines
