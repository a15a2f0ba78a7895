"""What a contestant and all processes that it has started take: CPU seconds and memory, read from
/proc, for a simulation on Ray is a dozen processes.
"""

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MARK = "RIVALS_CONTESTANT"  # an environment variable that children inherit
TICK = os.sysconf("SC_CLK_TCK")
PAUSE = 0.1  # seconds between two looks at the memory


class Spent(NamedTuple):
    rounds: list[float]  # CPU seconds since the start, at the end of each round
    memory: float  # MB at the peak


def run(command: Sequence[str | Path], environment: dict[str, str], folder: Path) -> Spent:
    """Run a contestant to its end. Raises SystemExit where it fails or finishes no round."""
    mark = f"{MARK}={os.getpid()}-{os.urandom(4).hex()}"
    log = folder / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment | dict([mark.split("=")]),
            cwd=folder,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        tree, over = Tree(mark), threading.Event()
        watching = threading.Thread(target=tree.watch, args=(over,))
        watching.start()
        rounds = [tree.cpu() for line in process.stdout if line.startswith("round ")]
        code = process.wait()
        over.set()
        watching.join()
    if code or not rounds:
        raise SystemExit(f"{command}: exit code {code} after {len(rounds)} rounds; see {log}")
    return Spent(rounds, tree.peak)


class Tree:
    """The processes that carry a mark in their environment."""

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._ours: dict[int, bool] = {}  # by process id: whether it carries the mark
        self._seen: dict[int, float] = {}  # CPU seconds of each, also of those that have ended
        self._lock = threading.Lock()
        self.peak = 0.0

    def cpu(self) -> float:
        """CPU seconds of all of them so far."""
        with self._lock:
            for pid in self._alive():
                self._look(pid)
            return sum(self._seen.values())

    def watch(self, over: threading.Event) -> None:
        """Look at the memory again and again."""
        while not over.wait(PAUSE):
            with self._lock:
                alive = list(self._alive())
                for pid in alive:
                    self._look(pid)
            self.peak = max(self.peak, _memory(alive))

    def _alive(self) -> list[int]:
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        for pid in pids:
            # A process that has just been forked has its parent's environment until it executes.
            if not self._ours.get(pid):
                self._ours[pid] = self._mark in _read(pid, "environ").split(b"\0")
        return [pid for pid in pids if self._ours[pid]]

    def _look(self, pid: int) -> None:
        fields = _read(pid, "stat").rpartition(b")")[2].split()
        if fields:
            self._seen[pid] = (int(fields[11]) + int(fields[12])) / TICK


def _memory(pids: Sequence[int]) -> float:
    """MB: what each has for itself, its part of what they share, and mapped files once."""
    own, files = 0, [0]
    for pid in pids:
        rollup, status = _numbers(_read(pid, "smaps_rollup")), _numbers(_read(pid, "status"))
        own += rollup.get("Pss_Anon", 0) + rollup.get("Pss_Shmem", 0)
        files.append(status.get("RssFile", 0))
    return (own + max(files)) / 1024


def _numbers(text: bytes) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in text.decode(errors="replace").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            found[name] = int(words[0])
    return found


def _read(pid: int, name: str) -> bytes:
    """A file of a process; nothing if it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
