"""Files that are whole or absent, whatever happens while they are written."""

import os
from pathlib import Path


def write_file(path: Path, data: bytes) -> None:
    """Write all of the file or nothing of it: beside it first, flushed to disk, then renamed."""
    beside = path.with_name(path.name + ".partial")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_secret_file(path: Path, data: bytes) -> None:
    """The same as `write_file`, for a file that nobody else may read at any moment of its life."""
    beside = path.with_name(path.name + ".partial")
    beside.unlink(missing_ok=True)  # left by a process that was killed
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def append_whole(path: Path, data: bytes) -> None:
    """Append all of the data or nothing of it, where the disk takes only a part."""
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            written = 0
            while written < len(data):
                written += file.write(data[written:])
        except OSError:
            file.truncate(before)
            raise


def sync_folder(folder: Path) -> None:
    """fsync the folder, so that a new file's name survives a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
