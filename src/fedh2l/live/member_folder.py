"""The folder of a member: lock, newest invite, ledger, checkpoint of every round, log; each file
whole or absent, whenever it is killed.
"""

import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import Terms, open_invite, read_terms
from fedh2l.peer import Peer
from fedh2l.record.atomic import write_file
from fedh2l.record.checkpoint import load_peers
from fedh2l.record.journal import LINES, Journal, committed_lines, latest
from fedh2l.record.lock import is_locked, lock_folder
from fedh2l.record.sent import Sent


class MemberFolder:
    """Opened by `with`: one process at a time.

    `done` rounds are finished; `since` is the last round of each other that was delivered.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(path)
        self.done, self.finished, self.fresh = 0, False, True
        self.since: dict[str, int] = {}

    def __enter__(self) -> "MemberFolder":
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(
            self.path,
            f"a fedh2l join is running in this folder already; see fedh2l status {self.path}",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()

    def newest(self, invite: Path) -> tuple[Terms, bytes]:
        """The later of the given invite and the one that was last taken up here."""
        terms, data, kept = open_invite(invite), invite.read_bytes(), self.path / "invite.json"
        if not kept.exists():
            return terms, data
        try:
            before = open_invite(kept)
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
            return before, kept.read_bytes()
        return read_terms(data, before), data

    def keep(self, invite: bytes) -> None:
        write_file(self.path / "invite.json", invite)

    def restore(self, peer: Peer) -> None:
        """The peer as it was after its last finished round; at the very first start its state is
        saved before anything is said.
        """
        ledger_file = self.path / LINES
        if latest(self.path) is None and ledger_file.exists() and ledger_file.stat().st_size:
            # A commit comes before the first line, so latest.json was lost.
            raise FedH2LError(
                f"{self.path / 'checkpoints' / 'latest.json'}: lost, though rounds were finished; "
                "restore it from a copy, or start anew with another --out"
            )
        saved = self.journal.open()
        if saved is None:
            self.commit(peer, 0, {})
            return
        if saved.get("peer") != peer.name:
            raise FedH2LError(
                f"{self.path}: the folder of {saved.get('peer')}, not of {peer.name}; give "
                "another --out"
            )
        self.done, self.since = saved["rounds"], saved["since"]
        self.finished, self.fresh = saved["finished"], False
        load_peers(self.path / "checkpoints", self.done, [peer])

    def commit(
        self, peer: Peer, done: int, since: dict[str, int], *, finished: bool = False
    ) -> None:
        """From now on `done` rounds are finished; nothing of the next one was said yet."""
        self.journal.save_peers(done, [peer])
        self.journal.commit(done, {"peer": peer.name, "since": since, "finished": finished})
        self.done, self.since, self.finished = done, since, finished

    def write_round(
        self, line: dict[str, Any], sent: Sequence[Sent], about: dict[str, Any]
    ) -> None:
        """A line of the journal, and for `fedh2l audit` what was sent; they count once `commit` has
        named the round.
        """
        self.journal.append(line, sent, about)

    def log(self, text: str) -> None:
        with (self.path / "log.txt").open("a") as file:
            file.write(f"{datetime.now().isoformat(' ', 'seconds')}  {text}\n")

    @property
    def leaving(self) -> bool:
        """Whether `fedh2l leave` asked for an end."""
        return (self.path / "leave").exists()


def is_running(path: Path) -> bool:
    """Whether a process takes part from this folder."""
    return is_locked(path)


def ledger(path: Path) -> list[dict[str, Any]]:
    """The finished rounds of a member, in order."""
    if latest(path) is None:
        raise FedH2LError(f"{path}: no member's folder; it is the --out of fedh2l join")
    return committed_lines(path)


def age(path: Path) -> float:
    """Seconds since the last finished round."""
    return time.time() - (path / "checkpoints" / "latest.json").stat().st_mtime


def memory() -> int | None:
    """Bytes of memory that this process holds, where the system tells (Linux)."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if told.exists() else None
