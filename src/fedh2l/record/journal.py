"""A journal: lines and frames that are appended, and count once a commit has named them.

Runs, members of a live federation and the cells of a sweep keep one each. A commit names how many
rounds are done and how long each file is, together with the states of the peers; what a killed
process wrote after it is cut off when the journal is opened again.
"""

import json
import os
from codecs import BOM_UTF8
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

    `saved`: the entries of the last commit; None before the first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved: dict[str, Any] | None = None
        self._chain = ""  # hash over the index of what was sent, so far

    def open(self) -> dict[str, Any] | None:
        """Go back to the last commit, and return its entries.

        Raises FedH2LError, and changes nothing, where a file is shorter than was committed, or not
        the one that was written.
        """
        self.saved = latest(self.folder)
        sizes = committed_sizes(self.saved)
        for name, size in sizes.items():
            _check_committed(self.folder / name, size)
        for name, size in sizes.items():
            if _size(self.folder / name) > size:
                os.truncate(self.folder / name, size)
        (self.folder / LINES).touch()
        self._chain = self.saved["chain"] if self.saved else ""
        return self.saved

    def append(
        self, line: dict[str, Any], frames: Sequence[sent.Sent], about: dict[str, Any]
    ) -> None:
        """Append a line, and the frames that left since the line before; they do not count yet.

        `about`: the codec and the seed set of the frames.
        """
        with (self.folder / LINES).open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())  # before the commit that counts it
        if frames:
            self._chain = sent.append_frames(self.folder, frames, about, self._chain)

    def save_peers(self, rounds: int, peers: Sequence[Peer]) -> None:
        """Save the peers' states after so many rounds. They do not count yet."""
        checkpoint.save_peers(self.folder / "checkpoints", rounds, peers)

    def commit(self, rounds: int, about: dict[str, Any]) -> None:
        """Count so many rounds as finished, with all that was appended."""
        sizes = {name: _size(self.folder / name) for name in FILES}
        facts = about | {"sizes": sizes, "chain": self._chain}
        (self.folder / "checkpoints").mkdir(exist_ok=True)
        checkpoint.commit(self.folder / "checkpoints", rounds, facts)
        self.saved = {"rounds": rounds} | facts


def latest(folder: Path) -> dict[str, Any] | None:
    """The entries of the last commit in a folder; None before the first."""
    entries = checkpoint.latest(folder / "checkpoints")
    if entries is None:
        return None
    sizes: Any = entries.get("sizes")
    is_whole = isinstance(sizes, dict) and isinstance(entries.get("chain"), str)
    if not is_whole or not all(isinstance(sizes.get(name), int) for name in FILES):
        raise FedH2LError(
            f"{folder / 'checkpoints' / 'latest.json'}: damaged, or of another release; restore it "
            "from a copy, or start anew"
        )
    return entries


def committed_sizes(commit: dict[str, Any] | None) -> dict[str, int]:
    """How many bytes of each file count."""
    return commit["sizes"] if commit else dict.fromkeys(FILES, 0)


def committed_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines that count, in order. Raises FedH2LError where one is damaged."""
    path = folder / LINES
    size = committed_sizes(latest(folder))[LINES]
    _check_committed(path, size)
    data = path.read_bytes()[:size]

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


def _check_committed(path: Path, size: int) -> None:
    """Refuse a file whose first `size` bytes cannot be those that were committed."""
    length = _size(path)
    if length < size:
        raise FedH2LError(
            f"{path}: {length} bytes are there, but the last checkpoint counts {size}: lost or "
            "shortened since; restore the file from a copy, or start anew"
        )

    # Only files of lines show where a line ends.
    if not size or path.suffix != ".jsonl":
        return
    with path.open("rb") as file:
        has_mark = file.read(len(BOM_UTF8)) == BOM_UTF8
        file.seek(size - 1)
        ends_line = file.read(1) == b"\n"

    # A file that was edited is not cut: the cut would go through a line that counts.
    if has_mark:
        raise FedH2LError(
            f"{path}: begins with a byte-order mark, which an editor has put there; remove it "
            "(sed -i '1s/^\\xEF\\xBB\\xBF//'), or restore the file from a copy"
        )
    if not ends_line:
        raise FedH2LError(
            f"{path}: no line ends after the {size} bytes that the last checkpoint counts: the "
            "file was edited since; restore it from a copy, or start anew"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
