"""The folder of a member: lock, newest invite, journal with a checkpoint of every round, log; each
file whole or absent, at whatever instant the member is killed.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.live.notices import NOW, Notices
from fedh2l.live.own_fault import fault_of
from fedh2l.live.patience import is_mended_by_others
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import Terms, open_invite, read_terms
from fedh2l.peer import Peer
from fedh2l.record.atomic import append_whole, write_file
from fedh2l.record.checkpoint import load_peers
from fedh2l.record.journal import LINES, Journal, committed_lines, latest
from fedh2l.record.lock import is_locked, lock_folder
from fedh2l.record.sent import Sent

LARGEST_LOG = 10_000_000  # bytes; then it becomes log.1.txt, and the one before that goes


class MemberFolder:
    """Opened by `with`: one process at a time.

    `done`: finished rounds; `delivered`: of each other member the last round whose post the loop
    was given; `fresh`: no round was ever finished here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(path)
        self.done, self.finished, self.fresh = 0, False, True
        self.delivered: dict[str, int] = {}
        self.notices = Notices(path, self.log)
        self._log_lock = threading.Lock()  # the watch over the model writes, too
        self._unwritten: deque[str] = deque(maxlen=1000)  # lines that the disk did not take yet
        self.looked_on: date | None = None  # the day of the last look at the certificate

    def __enter__(self) -> "MemberFolder":
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(
            self.path,
            f"a fedh2l join is running in this folder already; see fedh2l status {self.path}",
        )
        (self.path / NOW).unlink(missing_ok=True)  # of a process that was killed
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A full disk ends it, and takes no line more.
        with suppress(OSError):
            (self.path / NOW).unlink(missing_ok=True)
            is_plain = isinstance(error, FedH2LError | OSError | MemoryError | ImportError)
            if is_plain and fault_of(error) is None:
                self.log(f"ended after {self.done} rounds: {' '.join(str(error).split())}")
            elif isinstance(error, SystemExit | KeyboardInterrupt):
                self.log(f"stopped after {self.done} rounds, by a signal or Ctrl-C")
            elif error is not None:
                trace_text = "".join(format_exception(error))
                self.log(f"the traceback of the failure\n{trace_text.rstrip()}")
                reason = fault_of(error) or f"{type(error).__name__}: {error}"
                self.log(f"failed after {self.done} rounds: {' '.join(reason.split())}")
        self._lock.close()

    def newest(self, invite: Path) -> tuple[Terms, bytes]:
        """The later of the given invite, which the owner has accepted, and the one that was last
        taken up here.
        """
        terms, invite_bytes = open_invite(invite), invite.read_bytes()
        own_copy = self.own_copy()
        if own_copy is None:
            return terms, invite_bytes

        try:
            before = open_invite(own_copy)
        except TermsError as error:
            raise TermsError(
                f"{error}; restore it from a copy, or delete it: {invite} is taken in its place"
            ) from error
        if before.federation != terms.federation:
            raise FedH2LError(
                f"{self.path}: of federation {before.federation}, the invite is to "
                f"{terms.federation}; give another --out"
            )
        if terms.version <= before.version:
            return before, own_copy.read_bytes()
        return read_terms(invite_bytes, before, may_take_over=True), invite_bytes

    def own_copy(self) -> Path | None:
        """The file of the version that was last taken up here, if one was."""
        path = self.path / "invite.json"
        return path if path.exists() else None

    def keep(self, invite_bytes: bytes) -> None:
        write_file(self.path / "invite.json", invite_bytes)

    def restore(self, peer: Peer) -> None:
        """Give the peer the state that it had after its last finished round; at the very first
        start its state is saved before it says anything.
        """
        lines = self.path / LINES
        # The first commit comes before the first line: where lines are, latest.json was lost.
        if latest(self.path) is None and lines.exists() and lines.stat().st_size:
            raise FedH2LError(
                f"{self.path / 'checkpoints' / 'latest.json'}: lost, though rounds were finished; "
                "restore it from a copy, or start anew with another --out"
            )

        commit = self.journal.open()
        if commit is None:
            self.commit(peer, 0, {})
            return
        if commit.get("peer") != peer.name:
            raise FedH2LError(
                f"{self.path}: the folder of {commit.get('peer')}, not of {peer.name}; give "
                "another --out"
            )
        self.done, self.delivered = commit["rounds"], commit["since"]
        self.finished, self.fresh = commit["finished"], False
        load_peers(self.path / "checkpoints", self.done, [peer])

    def commit(
        self, peer: Peer, rounds: int, delivered: dict[str, int], *, finished: bool = False
    ) -> None:
        """Count so many rounds as finished, before anything of the next one is said."""
        self.journal.save_peers(rounds, [peer])
        self.journal.commit(rounds, {"peer": peer.name, "since": delivered, "finished": finished})
        self.done, self.delivered, self.finished = rounds, delivered, finished

    def write_round(
        self, line: dict[str, Any], frames: Sequence[Sent], about: dict[str, Any]
    ) -> None:
        """Write a line of the journal, and for `fedh2l audit` the frames that were sent; they count
        once `commit` has named the round. What a try before has written is cut off.
        """
        self.journal.open()
        self.journal.append(line, frames, about)

    def log(self, text: str) -> None:
        """Write a line of log.txt; where the disk takes none it waits for the next line."""
        with self._log_lock:
            self._unwritten.append(f"{datetime.now().isoformat(' ', 'seconds')}  {text}\n")
            path = self.path / "log.txt"
            try:
                if path.exists() and path.stat().st_size > LARGEST_LOG:
                    path.replace(path.with_name("log.1.txt"))
                append_whole(path, "".join(self._unwritten).encode())
            except OSError as error:
                if not is_mended_by_others(error):
                    raise
            else:
                self._unwritten.clear()

    @property
    def leaving(self) -> bool:
        """Whether `fedh2l leave` asked for an end."""
        return (self.path / "leave").exists()


def is_running(path: Path) -> bool:
    """Whether a process takes part from this folder."""
    return is_locked(path)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The lines of a member's finished rounds, in order."""
    if latest(path) is None:
        raise FedH2LError(f"{path}: no member's folder; it is the --out of fedh2l join")
    return committed_lines(path)


def seconds_since_round(path: Path) -> float:
    """Seconds since the last finished round."""
    return time.time() - (path / "checkpoints" / "latest.json").stat().st_mtime


def memory() -> int | None:
    """Bytes of memory that this process holds; None where the system has no /proc (Linux has)."""
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        return None
    pages = int(statistics.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
