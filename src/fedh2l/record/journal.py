"""A journal: lines and frames that are appended, and count once a commit has named them.

Runs, members of a live federation and the cells of a sweep keep one each. A commit names how many
rounds are done and how long each file is, together with the states of the peers; what a killed
process wrote after it is cut off when the journal is opened again.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.peer import Peer
from fedh2l.record import checkpoint, sent

LINES = "rounds.jsonl"
FILES = (LINES, *sent.FILES)


class Journal:
    """`rounds.jsonl`, `sent.jsonl`, `sent.bin` and `checkpoints/` of a folder.

    `saved` is what the last commit said; None before the first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved: dict[str, Any] | None = None
        self._chain = ""  # hash over the index of what was sent, so far

    def open(self) -> dict[str, Any] | None:
        """Go back to the last commit, and return what it said.

        Raises FedH2LError where less is left of a file than was committed.
        """
        self.saved = latest(self.folder)
        sizes = committed_sizes(self.saved)
        for name, size in sizes.items():
            _truncate(self.folder / name, size)
        (self.folder / LINES).touch()
        self._chain = self.saved["chain"] if self.saved else ""
        return self.saved

    def append(
        self, line: dict[str, Any], frames: Sequence[sent.Sent], about: dict[str, Any]
    ) -> None:
        """A line, and the frames that left since the line before, which do not count yet.

        `about`: the codec and the seed set of the frames.
        """
        with (self.folder / LINES).open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())  # before the commit that counts it
        if frames:
            self._chain = sent.append_frames(self.folder, frames, about, self._chain)

    def save_peers(self, done: int, peers: Sequence[Peer]) -> None:
        """The peers' states after `done` rounds. They do not count yet."""
        checkpoint.save_peers(self.folder / "checkpoints", done, peers)

    def commit(self, done: int, about: dict[str, Any]) -> None:
        """From now on `done` rounds are finished, with all that was appended."""
        sizes = {name: _size(self.folder / name) for name in FILES}
        facts = about | {"sizes": sizes, "chain": self._chain}
        (self.folder / "checkpoints").mkdir(exist_ok=True)
        checkpoint.commit(self.folder / "checkpoints", done, facts)
        self.saved = {"rounds": done} | facts


def latest(folder: Path) -> dict[str, Any] | None:
    """What the last commit in a folder said; None where there was none."""
    saved = checkpoint.latest(folder / "checkpoints")
    if saved is None:
        return None
    sizes: Any = saved.get("sizes")
    whole = isinstance(sizes, dict) and isinstance(saved.get("chain"), str)
    if not whole or not all(isinstance(sizes.get(name), int) for name in FILES):
        raise FedH2LError(
            f"{folder / 'checkpoints' / 'latest.json'}: damaged, or of another release; restore it "
            "from a copy, or start anew"
        )
    return saved


def committed_sizes(saved: dict[str, Any] | None) -> dict[str, int]:
    """How many bytes of each file count."""
    return saved["sizes"] if saved else dict.fromkeys(FILES, 0)


def committed_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines that count, in order. Raises FedH2LError where one is damaged."""
    path = folder / LINES
    size = committed_sizes(latest(folder))[LINES]
    data = path.read_bytes()[:size]
    if len(data) < size:
        raise _shortened(path, len(data), size)

    lines: list[dict[str, Any]] = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            lines.append(json.loads(line))
        except ValueError as error:
            raise FedH2LError(
                f"{path}: line {number} is damaged ({error}); restore the file from a copy, or "
                "start anew"
            ) from error
    return lines


def _truncate(path: Path, size: int) -> None:
    found = _size(path)
    if found < size:
        raise _shortened(path, found, size)
    if found > size:
        os.truncate(path, size)


def _shortened(path: Path, found: int, size: int) -> FedH2LError:
    return FedH2LError(
        f"{path}: {found} bytes are there, but the last checkpoint counts {size}: lost or "
        "shortened since; restore the file from a copy, or start anew"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
