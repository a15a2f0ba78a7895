"""One process at a time in a folder: of two, the second is refused."""

import fcntl
from pathlib import Path
from typing import TextIO

from fedh2l.error import FedH2LError

NAME = "lock"


def lock_folder(folder: Path, holder: str) -> TextIO:
    """The folder's lock, held until it is closed or this process ends, however it ends.

    Raises FedH2LError where another process holds it; `holder`: which one it is, and what to do.
    """
    lock = (folder / NAME).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise FedH2LError(f"{folder}: {holder}") from error
    except OSError:
        lock.close()
        raise
    return lock


def is_locked(folder: Path) -> bool:
    """Whether a process holds the folder's lock."""
    if not (folder / NAME).exists():
        return False
    with (folder / NAME).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
