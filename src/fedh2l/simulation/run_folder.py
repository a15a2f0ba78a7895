"""The folder of a run: config.toml, the journals of its cells, summary.json and report.html; each
file whole or absent, and one process at a time.
"""

import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from fedh2l.data import name_of
from fedh2l.error import FedH2LError
from fedh2l.record import lock
from fedh2l.record.atomic import write_file
from fedh2l.record.journal import Journal, latest
from fedh2l.simulation.cells import Cell, cells_of
from fedh2l.simulation.config_file import config_text, read_config
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.settings import compose, digest_of
from fedh2l.simulation.simulate import Evaluation, Start
from fedh2l.simulation.summary import line_of, summary_of

CONFIG, SUMMARY = "config.toml", "summary.json"
BUSY = "a fedh2l run is writing into this folder; wait for it, or choose another --out"


class RunFolder:
    """Writes what `simulate` yields; used by `with`, which locks it once there is something to
    write. `finish` is called when every cell has had its last evaluation.
    """

    def __init__(
        self, path: Path, experiment: Experiment, *, baselines: bool, is_new: bool, overwrite: bool
    ) -> None:
        self.path, self.experiment, self.baselines = path, experiment, baselines
        self.cells = {c.name: c for c in cells_of(experiment, path, baselines=baselines)}
        self.main = next(c.name for c in self.cells.values() if c.folder == path)
        self._is_new, self._overwrite = is_new, overwrite
        self._lock: TextIO | None = None
        # Set back by the seconds of the sessions before a resumed one.
        self._clock = time.perf_counter()
        self._finals: dict[str, Evaluation] = {}
        self._journals: dict[str, Journal] = {}
        self._seed_set: dict[str, Any] = {}
        self._data = ""  # the digest of all rows
        self._notes: tuple[str, ...] = ()

    def __enter__(self) -> "RunFolder":
        if not self._is_new:
            self._lock = lock.lock_folder(self.path, BUSY)
            try:
                for cell in self.cells.values():
                    self._check(cell)
            except FedH2LError:
                self._lock.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock:
            self._lock.close()

    def take(self, event: Start | Evaluation) -> None:
        """Write down what happened.

        Nothing exists in a new folder before the peers of the first cell were built and checked.
        """
        cell = self.cells[event.cell]
        if isinstance(event, Start):
            self._seed_set, self._data = event.seed_set, event.data
            self._notes = event.notes
            self._begin(cell)
            return
        if event.last:
            self._finals[cell.name] = event
        journal = self._journals[cell.name]
        if journal.saved is not None and journal.saved["rounds"] >= event.done:
            return  # a finished cell of a resumed run

        seed_set = self._seed_set["digest"]
        about = {"codec": cell.experiment.codec, "seed_set": seed_set}
        journal.append(line_of(event, self.experiment.honesty.liars), event.sent, about)
        facts = {
            "digest": digest_of(cell.experiment),
            "seed_set": seed_set,
            "data": self._data,
            "peers": {name: asdict(p) for name, p in event.peers.items()},
            "train_seconds": event.train_seconds,
            "cpu_seconds": event.cpu_seconds,
            "total_seconds": time.perf_counter() - self._clock,
        }
        journal.commit(event.done, facts)

    def finish(self) -> dict[str, Any]:
        """summary.json, written and returned. Accuracies are on the test sets, in [0, 1]."""
        seconds = time.perf_counter() - self._clock
        summary = summary_of(
            self.experiment,
            self.main,
            self._finals,
            seed_set=self._seed_set,
            notes=self._notes,
            seconds=seconds,
        )
        write_file(self.path / SUMMARY, json.dumps(summary, indent=1).encode())
        return summary

    def _begin(self, cell: Cell) -> None:
        assert cell.folder is not None
        if self._lock is None:
            self._take_new_folder()
        cell.folder.mkdir(parents=True, exist_ok=True)
        journal = Journal(cell.folder)
        saved = journal.open()
        if saved and saved.get("data") != self._data:
            raise FedH2LError(
                f"{cell.folder}: the data are not those that this run began with; restore "
                f"{name_of(self.experiment.data)} as it was (its --data-dir, too), or start anew"
            )
        self._journals[cell.name] = journal

    def _take_new_folder(self) -> None:
        """Lock the folder, and only then look into it: two may have found it free at once."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = lock.lock_folder(self.path, BUSY)
        check_free(self.path, overwrite=self._overwrite)
        for old in self.path.iterdir():
            if old.name == lock.NAME:
                continue
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink()
        text = config_text(self.experiment, baselines=self.baselines)
        write_file(self.path / CONFIG, text.encode())

    def _check(self, cell: Cell) -> None:
        """Refuse to go on from a checkpoint of another experiment."""
        assert cell.folder is not None
        saved = latest(cell.folder)
        if saved is None:
            return
        self._clock = min(self._clock, time.perf_counter() - saved.get("total_seconds", 0.0))
        if saved.get("digest") != digest_of(cell.experiment):
            raise FedH2LError(
                f"{cell.folder}: a checkpoint of another configuration; restore config.toml, or "
                "start again with --overwrite"
            )


def open_new(
    path: Path, experiment: Experiment, *, baselines: bool = False, overwrite: bool = False
) -> RunFolder:
    """A folder for a new run; of what it holds nothing is lost before that has begun."""
    check_free(path, overwrite=overwrite)
    return RunFolder(path, experiment, baselines=baselines, is_new=True, overwrite=overwrite)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a folder with something in it, but for a run that may be overwritten."""
    if not path.exists() or {p.name for p in path.iterdir()} <= {lock.NAME}:
        return
    if not (path / CONFIG).is_file():
        raise FedH2LError(f"{path}: not empty, and not a run; choose another --out")
    if not overwrite:
        raise FedH2LError(
            f"{path}: already holds a run; go on with --resume {path}, replace it with "
            "--overwrite, or choose another --out"
        )


def open_again(path: Path) -> RunFolder:
    """A run that was cut short, with the configuration it had."""
    if not (path / CONFIG).is_file():
        raise FedH2LError(f"{path}: no {CONFIG} there, so no run to go on with")
    settings = read_config(path / CONFIG)
    baselines = settings.pop("baselines", False)
    try:
        experiment = compose(settings).resolved()
    except FedH2LError as error:
        raise FedH2LError(
            f"{path / CONFIG}: not a configuration of this release ({error})"
        ) from error
    return RunFolder(path, experiment, baselines=baselines, is_new=False, overwrite=False)
