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

GRACE = 3.0  # seconds that may pass until what a test has ended is gone
PROC = Path("/proc/self")


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test that leaves something behind fails.

    Its temporary files, also those of processes that it starts, go to a folder of its own.
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
    # What a test has ended may take a moment to be gone.
    while (left := (running() - before) | files(temporary)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not left, f"left behind: {', '.join(sorted(left))}"


def running() -> set[str]:
    """All that runs in this process, in words."""
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = {f"handler of {s.name} {signal.getsignal(s)}" for s in signals}
    threads = {f"thread {t.name} ({t.ident})" for t in threading.enumerate()}
    return processes() | ports() | handlers | threads


def processes() -> set[str]:
    """Children of this process, also those that nobody has waited for."""
    children = {int(pid) for task in PROC.glob("task/*/children") for pid in _read(task).split()}
    commands = {pid: _command(pid) for pid in children}
    # Python starts the tracker with the first spawned process, and keeps it.
    return {
        f"process {pid} {command}"
        for pid, command in commands.items()
        if "multiprocessing.resource_tracker" not in command
    }


def ports() -> set[str]:
    """TCP ports at which this process listens."""
    own = {_link(f) for f in PROC.glob("fd/*")}
    ports: set[str] = set()
    for kind in ("tcp", "tcp6"):
        for line in _read(PROC / "net" / kind).splitlines()[1:]:
            _, address, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in own:  # 0A: it listens
                ports.add(f"port {int(address.rpartition(':')[2], 16)}")
    return ports


def files(folder: Path) -> set[str]:
    """Not the cache that torch makes once, when it is first imported."""
    return {
        f"file {path}" for path in folder.rglob("*") if not path.name.startswith("torchinductor_")
    }


def _command(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip() or "(not waited for)"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process ended meanwhile
        return ""


def _link(path: Path) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  (not a path)
    except OSError:
        return ""
