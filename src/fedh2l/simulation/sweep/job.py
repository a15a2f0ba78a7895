"""A cell as a job: run it in a folder of its own, and read what came of it."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedh2l.error import FedH2LError
from fedh2l.record.journal import committed_lines, latest
from fedh2l.record.lock import is_locked
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.run_folder import CONFIG, SUMMARY, open_again, open_new
from fedh2l.simulation.simulate import Evaluation, simulate
from fedh2l.simulation.sweep.tables import CellLine

PATIENCE = 20.0  # seconds for a process of a sweep that was killed to notice it and end


@dataclass(frozen=True)
class Job:
    """One cell to compute. It can be pickled, so it may be done in any process or machine that
    shares the folder.
    """

    name: str  # a hash: fingerprint.name_of_cell
    experiment: Experiment
    folder: Path  # of the run; it is finished once it holds summary.json
    log: Path

    @property
    def is_finished(self) -> bool:
        return (self.folder / SUMMARY).is_file()


def do(job: Job, tell: Callable[[int], None]) -> None:
    """Compute a cell, or go on with it where a process was killed; `tell` is called with the rounds
    that are done, at first with those of an earlier process.

    Raises whatever went wrong; what the cell had reached by then stays.
    """
    _wait_for_the_last_owner(job)
    if (job.folder / CONFIG).is_file():
        folder = open_again(job.folder)
    else:
        # A process was killed before it had written what it was about to do.
        if job.folder.exists():
            shutil.rmtree(job.folder)
        job.folder.parent.mkdir(parents=True, exist_ok=True)
        folder = open_new(job.folder, job.experiment)
    saved = latest(job.folder)
    tell(saved["rounds"] if saved else 0)
    with folder:
        for event in simulate(list(folder.cells.values())):
            folder.take(event)
            if isinstance(event, Evaluation):
                tell(event.done)
        folder.finish()


def _wait_for_the_last_owner(job: Job) -> None:
    until = time.monotonic() + PATIENCE
    while is_locked(job.folder) and time.monotonic() < until:
        time.sleep(0.1)


def line_of_cell(job: Job, names: tuple[str, str, str]) -> CellLine:
    """What a finished cell reached; names: the algorithm, data set and setting of its row."""
    path = job.folder / SUMMARY
    try:
        summary = json.loads(path.read_bytes())
        mean, peers = summary["mean"], summary["peers"].values()
        return CellLine(
            *names,
            seed=job.experiment.seed,
            own=mean["own_accuracy"],
            all_domain=mean["all_domain_accuracy"],
            worst_domain=mean["worst_domain_accuracy"],
            ece=mean["all_domain_ece"],
            nll=mean["all_domain_nll"],
            all_domain_auc=mean.get("all_domain_auc"),
            validation_all_domain=validation_of(job.folder),
            payload_bytes=sum(p["payload_bytes_sent"] for p in peers) / len(peers),
            cpu_seconds=summary["seconds"]["cpu"],
            cell=job.name,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FedH2LError(
            f"{path}: damaged ({error!r}); remove its folder to compute the cell again"
        ) from error


def validation_of(folder: Path) -> float:
    """Accuracy on the validation rows of all domains after the last round, the mean over the
    peers.
    """
    return committed_lines(folder)[-1]["mean"]["all_domain_accuracy"]
