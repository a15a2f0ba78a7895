"""The folder of a run: config.toml, rounds.jsonl, summary.json, report.html and checkpoints; each
file whole or absent.
"""

import json
import shutil
import time
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from fedh2l.error import FedH2LError
from fedh2l.metrics import mean_scores
from fedh2l.record.atomic import write_file
from fedh2l.record.journal import Journal, latest
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.simulate import Evaluation, Progress, Start, folder_of, rows_of, versions

TIMINGS = "seconds"  # the one key of a line that differs between equal runs


class RunFolder:
    """Writes what `simulate` yields; `summary` is complete when every row has had its last
    evaluation.
    """

    def __init__(self, path: Path, config: Experiment, *, replaces: bool = False) -> None:
        self.path, self.config, self.replaces = path, config, replaces
        # Set back by the seconds of the sessions before a resumed one.
        self.clock = time.perf_counter()
        self.finals: dict[str, Evaluation] = {}
        self.journals: dict[str, Journal] = {}
        self.seed_set: dict[str, Any] = {}

    def take(self, event: Start | Evaluation) -> None:
        """Write down what happened.

        Nothing exists in the folder before the peers of the first row were built and checked.
        """
        place = folder_of(self.path, event.row, self.config.algorithm)
        if isinstance(event, Start):
            self.seed_set = event.seed_set
            self.journals[event.row] = self._open(place)
            return
        if event.last:
            self.finals[event.row] = event
        journal = self.journals[event.row]
        if journal.saved is not None and journal.saved["rounds"] >= event.done:
            return  # a finished row of a resumed run
        sent = {"codec": self.config.codec, "seed_set": self.seed_set["digest"]}
        journal.append(_line(event), event.sent, sent)
        about = {
            "digest": self.digest(event.row),
            "seed_set": self.seed_set["digest"],
            "peers": {n: asdict(p) for n, p in event.peers.items()},
            "train_seconds": event.train_seconds,
            "total_seconds": time.perf_counter() - self.clock,
        }
        journal.commit(event.done, about)

    def _open(self, place: Path) -> Journal:
        if self.replaces:
            shutil.rmtree(self.path)
            self.replaces = False
        place.mkdir(parents=True, exist_ok=True)
        if not (self.path / "config.toml").exists():
            write_file(self.path / "config.toml", to_toml(self.config).encode())
        journal = Journal(place)
        saved = journal.open()
        if saved and saved.get("seed_set") != self.seed_set["digest"]:
            raise FedH2LError(
                f"{place}: the data are not those that this run began with; give it the same "
                "--data-dir, or start anew"
            )
        return journal

    def digest(self, row: str) -> str:
        return replace(self.config, algorithm=row).digest

    def check(self) -> None:
        """Refuse to go on from checkpoints of another experiment."""
        for row in rows_of(self.config):
            place = folder_of(self.path, row.algorithm, self.config.algorithm)
            saved = latest(place)
            if saved is None:
                continue
            self.clock = min(self.clock, time.perf_counter() - saved.get("total_seconds", 0.0))
            if saved.get("digest") != self.digest(row.algorithm):
                raise FedH2LError(
                    f"{place}: a checkpoint of another configuration; restore config.toml, or "
                    "start again with --overwrite"
                )

    def finish(self) -> dict[str, Any]:
        """summary.json, written and returned. Accuracies are on the test sets, in [0, 1]."""
        config, main = self.config, self.finals[self.config.algorithm]
        rates = [p.conflict_rate for p in main.peers.values() if p.conflict_rate is not None]
        summary = {
            "algorithm": config.algorithm,
            "data": config.data,
            "seed": config.seed,
            "rounds": config.rounds,
            "steps": config.steps,
            "seed_set": self.seed_set | {"labelled": not config.unlabelled},
            "peers": {
                n: {"model": m, **(main.peers[n].test or {}), **_bytes(main.peers[n])}
                for n, m in zip(config.names, config.models, strict=True)
            },
            "mean": _mean(main),
            "references": {
                row: _mean(e) for row, e in self.finals.items() if row != config.algorithm
            },
            "conflict_rate": sum(rates) / len(rates) if rates else None,
            "missing": sum(sum(p.missing.values()) for p in main.peers.values()),
            "refused": sum(sum(p.refused.values()) for p in main.peers.values()),
            "seconds": {"total": time.perf_counter() - self.clock, "train": main.train_seconds},
            "versions": versions(),
        }
        write_file(self.path / "summary.json", json.dumps(summary, indent=1).encode())
        return summary


def open_new(path: Path, config: Experiment, *, overwrite: bool) -> RunFolder:
    if path.exists() and any(path.iterdir()):
        if not (path / "config.toml").is_file():
            raise FedH2LError(f"{path}: not empty, and not a run; choose another --out")
        if not overwrite:
            raise FedH2LError(
                f"{path}: already holds a run; go on with --resume {path}, replace it with "
                "--overwrite, or choose another --out"
            )
        return RunFolder(path, config, replaces=True)
    return RunFolder(path, config)


def open_again(path: Path) -> RunFolder:
    """A run that was cut short, with the configuration it had."""
    if not (path / "config.toml").is_file():
        raise FedH2LError(f"{path}: no config.toml there, so no run to go on with")
    try:
        folder = RunFolder(path, from_toml((path / "config.toml").read_text()).resolved())
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise FedH2LError(
            f"{path / 'config.toml'}: not a configuration of this release ({error})"
        ) from error
    folder.check()
    return folder


def to_toml(config: Experiment) -> str:
    told = {
        k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items() if v is not None
    }
    return tomli_w.dumps({k: list(v) if isinstance(v, tuple) else v for k, v in told.items()})


def from_toml(text: str) -> Experiment:
    told = tomllib.loads(text)
    if "peers" in told:
        told["peers"] = tuple(told["peers"])
    if "data_dir" in told:
        told["data_dir"] = Path(told["data_dir"])
    return Experiment(**told)


def _mean(event: Evaluation) -> dict[str, Any]:
    return dict(mean_scores({n: p.test for n, p in event.peers.items() if p.test is not None}))


def _bytes(p: Progress) -> dict[str, int | None]:
    names = (
        "payload_bytes_sent",
        "payload_bytes_received",
        "wire_bytes_sent",
        "wire_bytes_received",
        "weights_bytes",
    )
    return {name: getattr(p, name) for name in names}


def _line(event: Evaluation) -> dict[str, Any]:
    peers = {}
    for name, p in event.peers.items():
        peers[name] = dict(p.validation or {}) | {
            **_bytes(p),
            "sent": p.sent,
            "received": p.received,
            "conflict_rate": p.conflict_rate,
            "missing": p.missing,
            "refused": p.refused,
        }
    validation = {n: p.validation for n, p in event.peers.items() if p.validation is not None}
    return {
        "round": event.done,
        "peers": peers,
        "mean": dict(mean_scores(validation)),
        TIMINGS: {"train": event.train_seconds},
    }
