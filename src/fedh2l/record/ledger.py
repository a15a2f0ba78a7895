"""The privacy ledger of a peer: every step along its private rows that it was ever about to take.

A line is on disk before its steps are taken, and nothing goes back, neither with a checkpoint nor
with a run that is resumed. So a killed peer that repeats a round pays twice, and a ledger never
says less than was spent.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from fedh2l.error import FedH2LError
from fedh2l.record.atomic import sync_folder


class Spending(NamedTuple):
    """Steps of DP-SGD that are alike.

    noise: the noise's standard deviation, in units of the largest norm of a row's gradient.
    sampling: the probability with which each private row is in a step.
    """

    noise: float
    sampling: float
    steps: int


def merged(spendings: Iterable[Spending]) -> tuple[Spending, ...]:
    """The same with as few entries as possible: what is spent does not depend on the order."""
    steps: dict[tuple[float, float], int] = {}
    for s in spendings:
        steps[s.noise, s.sampling] = steps.get((s.noise, s.sampling), 0) + s.steps
    return tuple(Spending(*kind, count) for kind, count in steps.items())


class Ledger:
    """Append-only lines of JSON in a file; without a path in memory, for what nobody is promised.

    `spendings`: those that the file had when it was opened, and those appended since.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.spendings, self._size = _read(path)

    def append(self, spending: Spending, about: Mapping[str, Any]) -> None:
        """Write down steps that are about to be taken; they may be taken once this returns.

        Raises FedH2LError where another process has written into the file since.
        """
        if self.path is not None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            line = json.dumps({"at": now, **spending._asdict(), **about}).encode() + b"\n"
            self._size = self._written(self.path, line)
        self.spendings.append(spending)

    def _written(self, path: Path, line: bytes) -> int:
        """Append a line, flush it to disk, and say how long the file is then."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            whole = _whole(file.read())
            if len(whole) != self._size:
                raise FedH2LError(
                    f"{path}: another process spends from this ledger; let one of them run at a "
                    "time, and start this one again"
                )
            # A line that was cut short by a kill never allowed a step.
            file.truncate(self._size)
            file.seek(self._size)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if not self._size:
            sync_folder(path.parent)
        return self._size + len(line)


def _whole(data: bytes) -> bytes:
    """The whole lines in a file."""
    return data[: data.rfind(b"\n") + 1]


def _read(path: Path | None) -> tuple[list[Spending], int]:
    """What a ledger says, and the length of its whole lines in bytes."""
    if path is None or not path.exists():
        return [], 0
    whole = _whole(path.read_bytes())
    spendings: list[Spending] = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            entry = json.loads(line)
            spending = Spending(
                float(entry["noise"]), float(entry["sampling"]), int(entry["steps"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FedH2LError(
                f"{path}: line {number} is damaged ({error}); restore it from a copy: without it "
                "nobody knows what was spent"
            ) from error
        spendings.append(spending)
    return spendings, len(whole)
