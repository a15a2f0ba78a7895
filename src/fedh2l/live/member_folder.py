"""The folder of a member: lock, newest invite, ledger, checkpoint of every round, log; each file
whole or absent, whenever it is killed.
"""

import fcntl
import json
import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.live.trust.terms import Terms, read_terms
from fedh2l.peer import Peer
from fedh2l.record import checkpoint
from fedh2l.record.atomic import write_file
from fedh2l.record.sent import Sent, append_frames, file_sizes, truncate_to


class MemberFolder:
    """Opened by `with`: one process at a time.

    `done` rounds are finished; `since` is the last round of each other that was delivered.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done, self.finished, self.fresh = 0, False, True
        self.since: dict[str, int] = {}

    def __enter__(self) -> "MemberFolder":
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise FedH2LError(
                f"{self.path}: a fedh2l join is running in this folder already; see fedh2l "
                f"status {self.path}"
            ) from error
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
        data = invite.read_bytes()
        terms, kept = read_terms(data), self.path / "invite.json"
        if not kept.exists():
            return terms, data
        before = read_terms(kept.read_bytes())
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
        place = self.path / "checkpoints"
        saved = checkpoint.latest(place)
        if saved is None:
            self.commit(peer, 0, {})
            return
        if saved.get("peer") != peer.name:
            raise FedH2LError(
                f"{self.path}: the folder of {saved.get('peer')}, not of {peer.name}; give "
                "another --out"
            )
        self.done, self.since, self.finished, self.fresh = (
            saved["rounds"],
            saved["since"],
            saved["finished"],
            False,
        )
        checkpoint.load_peers(place, self.done, [peer])
        with (self.path / "rounds.jsonl").open("ab") as file:
            # What a killed process wrote after its last checkpoint comes again.
            file.truncate(saved["bytes"])
        truncate_to(self.path, saved["sent"])

    def commit(
        self, peer: Peer, done: int, since: dict[str, int], *, finished: bool = False
    ) -> None:
        """From now on `done` rounds are finished; nothing of the next one was said yet."""
        place, ledger = self.path / "checkpoints", self.path / "rounds.jsonl"
        ledger.touch()
        checkpoint.save_peers(place, done, [peer])
        about = {
            "peer": peer.name,
            "since": since,
            "finished": finished,
            "bytes": ledger.stat().st_size,
            "sent": file_sizes(self.path),
        }
        checkpoint.commit(place, done, about)
        self.done, self.since, self.finished = done, since, finished

    def write_round(
        self, line: dict[str, Any], sent: Sequence[Sent], about: dict[str, Any]
    ) -> None:
        """A line of the ledger, and for `fedh2l audit` what was sent; they count once `commit` has
        named the round.
        """
        append_frames(self.path, sent, about)
        with (self.path / "rounds.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def log(self, text: str) -> None:
        with (self.path / "log.txt").open("a") as file:
            file.write(f"{datetime.now().isoformat(' ', 'seconds')}  {text}\n")

    @property
    def leaving(self) -> bool:
        """Whether `fedh2l leave` asked for an end."""
        return (self.path / "leave").exists()


def is_running(path: Path) -> bool:
    """Whether a process holds the folder's lock."""
    if not (path / "lock").exists():
        return False
    with (path / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def ledger(path: Path) -> list[dict[str, Any]]:
    """The finished rounds of a member, in order."""
    saved = checkpoint.latest(path / "checkpoints")
    if saved is None:
        raise FedH2LError(f"{path}: no member's folder; it is the --out of fedh2l join")
    lines = (path / "rounds.jsonl").read_bytes()[: saved["bytes"]]
    return [json.loads(line) for line in lines.splitlines()]


def age(path: Path) -> float:
    """Seconds since the last finished round."""
    return time.time() - (path / "checkpoints" / "latest.json").stat().st_mtime


def memory() -> int | None:
    """Bytes of memory that this process holds, where the system tells (Linux)."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if told.exists() else None
