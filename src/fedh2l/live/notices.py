"""What a member tells at once, while a round is not over: on the screen, in log.txt and, as long as
it holds, in the answer of `fedh2l status`.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from fedh2l.record.atomic import write_file

NOW = "now.json"  # what holds at this moment, by its kind, in the member's folder


class Notices:
    """Safe between threads. `texts`: what the screen has not shown yet; None is its end.

    Without a folder nothing is kept in a file; `log` writes a line of log.txt.
    """

    def __init__(self, folder: Path | None = None, log: Callable[[str], None] | None = None):
        self.texts: SimpleQueue[str | None] = SimpleQueue()
        self.folder, self._log = folder, log
        self._now: dict[str, str] = {}
        self._lock = threading.Lock()

    def tell(self, text: str) -> None:
        """Tell something that has happened."""
        with self._lock:
            self._tell(text)

    def hold(self, kind: str, text: str) -> None:
        """Tell something that holds until `release`; the same is told once."""
        with self._lock:
            if self._now.get(kind) == text:
                return
            self._now[kind] = text
            self._tell(text)
            self._write()

    def release(self, kind: str, text: str = "") -> None:
        """Tell, if a text is given, that something of this kind holds no more, if it did."""
        with self._lock:
            if self._now.pop(kind, None) is None:
                return
            if text:
                self._tell(text)
            self._write()

    def _tell(self, text: str) -> None:
        self.texts.put(text)
        if self._log is not None:
            self._log(text)

    def _write(self) -> None:
        # On a full disk the screen has it all the same.
        with suppress(OSError):
            if self.folder is not None:
                write_file(self.folder / NOW, json.dumps(self._now).encode())


def read_now(folder: Path) -> list[str]:
    """What holds in this folder at this moment, if its member runs."""
    try:
        entries = json.loads((folder / NOW).read_bytes())
    except (OSError, ValueError):
        return []
    return [str(text) for text in entries.values()] if isinstance(entries, dict) else []
