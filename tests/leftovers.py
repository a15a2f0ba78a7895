"""After every test no process, thread, port that listens, signal handler or temporary file is left.

It looks on Linux only, in /proc.
"""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

GRACE = 3.0  # seconds in which what a test has ended may be gone
PROC = Path("/proc/self")


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails a test that leaves something behind.

    Temporary files, also those of processes that it starts, go to a folder of its own.
    """
    if not PROC.exists():
        yield
        return
    temporary, before = tmp_path_factory.mktemp("temporary"), running()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", None)  # it is looked up again
        yield
    end = time.monotonic() + GRACE
    while (left := (running() - before) | files(temporary)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not left, f"left behind: {', '.join(sorted(left))}"


def running() -> set[str]:
    handlers = {
        f"handler of {s.name} {signal.getsignal(s)}" for s in (signal.SIGINT, signal.SIGTERM)
    }
    return (
        processes()
        | ports()
        | handlers
        | {f"thread {t.name} ({t.ident})" for t in threading.enumerate()}
    )


def processes() -> set[str]:
    """Children of this process, also those that nobody has waited for.

    Not the tracker that Python starts with the first spawned one.
    """
    children = {int(pid) for task in PROC.glob("task/*/children") for pid in _read(task).split()}
    return {
        f"process {pid} {line}"
        for pid in children
        if "multiprocessing.resource_tracker" not in (line := _line(pid))
    }


def ports() -> set[str]:
    """TCP ports at which this process listens."""
    own = {_link(f) for f in PROC.glob("fd/*")}
    rows = [
        line.split()
        for kind in ("tcp", "tcp6")
        for line in _read(PROC / "net" / kind).splitlines()[1:]
    ]
    return {
        f"port {int(row[1].rpartition(':')[2], 16)}"
        for row in rows
        if row[3] == "0A" and f"socket:[{row[9]}]" in own
    }


def files(folder: Path) -> set[str]:
    """Not the cache that torch makes once, when it is first imported."""
    return {
        f"file {path}" for path in folder.rglob("*") if not path.name.startswith("torchinductor_")
    }


def _line(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip() or "(not waited for)"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended meanwhile
        return ""


def _link(path: Path) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  (not a path)
    except OSError:
        return ""
