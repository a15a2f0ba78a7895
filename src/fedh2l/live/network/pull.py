"""What a member hears: announcements, and the posts behind them, pulled from their author or from a
mirror.

Who is present only decides whom to ask first; a post counts by its signature.
"""

import struct
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import zenoh

from fedh2l.live.network.mailbox import Event, Mailbox
from fedh2l.live.network.presence import Presence
from fedh2l.live.posts.post import ENVELOPE, PostError
from fedh2l.live.posts.register import Equivocation, Register, unbundle
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import Terms, read_terms

# Round of the newest post, version of the invite; a small post follows it the first time.
NEWS = struct.Struct("<II")
PUSHED = 8192  # bytes of a payload that is small enough to be told at once
OFTEN, ASK_AGAIN, QUIET = 0.25, 1.0, 3.0  # seconds
LOST = 3.0  # seconds after which a question may have been lost, and one more is asked beside it
SLOWEST = 8.0  # seconds between two questions to somebody from whom nothing is known to be there


@dataclass
class Line:
    """What is known of one author, and what it has been asked."""

    announced: int = -1
    heard_at: float = 0.0  # its last announcement
    asked_at: float = 0.0
    asking: int = 0  # questions that are not answered yet
    wait: float = ASK_AGAIN
    behind_since: float = 0.0  # since when something is wanted that is not here
    mirror: int = -1  # whose turn it is


class Puller:
    """Pulls into a register, in the mailbox's thread.

    `floor`: rounds of each author up to which nothing is wanted.
    """

    def __init__(
        self,
        mail: Mailbox,
        presence: Presence,
        terms: Terms,
        me: str,
        register: Register,
        changed: threading.Condition,
        floor: Mapping[str, int],
    ) -> None:
        self.mail, self.presence, self.terms, self.me = mail, presence, terms, me
        self.register, self.floor = register, floor
        self.changed = changed  # guards the register; notified when something new is in it
        self.invite: bytes | None = None  # a later one
        self.removed = False  # I am not in it
        self.received = defaultdict[str, int](int)
        self._lines = {m.name: Line() for m in terms.members if m.name != me}
        self._wanted, self._opened, self._terms_asked, self._look_at = -1, 0.0, 0.0, 0.0
        mail.session.declare_subscriber(
            f"{mail.root}/*/news", mail.putting(self._news), allowed_origin=zenoh.Locality.REMOTE
        )

    def wait_for(self, t: int) -> None:
        """A round is open: who says nothing is asked. −1: none is."""
        self.mail.put(self._open, t)

    def tick(self) -> None:
        """Look at everybody from time to time."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + OFTEN
            for author in self._lines:
                self._look(author)

    def _open(self, t: int) -> None:
        self._wanted, self._opened = t, time.monotonic()
        for author, line in self._lines.items():
            line.wait = ASK_AGAIN
            self._look(author)

    def _news(self, key: str, data: bytes, _: bool) -> None:
        name = key.partition("/")[0]
        if name not in self._lines or not NEWS.size <= len(data) <= NEWS.size + ENVELOPE + PUSHED:
            return
        line = self._lines[name]
        line.announced, version = NEWS.unpack_from(data)
        self.received[name] += NEWS.size
        # Else what is before it is pulled first.
        if len(data) > NEWS.size and line.announced == self._held(name) + 1:
            self._believe(name, name, (data[NEWS.size :],))
        line.heard_at = time.monotonic()
        line.asked_at = min(line.asked_at, line.heard_at - ASK_AGAIN / 2)
        if version > self.terms.version and time.monotonic() > self._terms_asked + ASK_AGAIN:
            self._terms_asked = time.monotonic()
            self.mail.ask(f"{name}/terms", self._newer, f"?me={self.me}")
        self._look(name)

    def _newer(self, key: str, data: bytes, _: bool) -> None:
        if not data:
            return
        try:
            terms = read_terms(data, self.terms)
        except TermsError as error:
            self.mail.tell(Event("refused", key.partition("/")[0], str(error)))
            return
        if self.invite is None or terms.version > read_terms(self.invite).version:
            with self.changed:
                self.invite, self.removed = data, self.me not in {m.name for m in terms.members}
                self.changed.notify_all()
            self.mail.tell(
                Event(
                    "terms",
                    key.partition("/")[0],
                    f"version {terms.version} of the invite, signed by the convener",
                )
            )

    def _look(self, author: str) -> None:
        """Ask for what is not here yet, if it is time to."""
        line, now = self._lines[author], time.monotonic()
        held = self._held(author)
        known = line.announced > held
        # Who has spoken before will do so again; a stranger is asked at once.
        told = line.heard_at and max(line.heard_at, self._opened)
        if not known and (held >= self._wanted or now < told + QUIET):
            line.behind_since = 0.0
            return
        line.behind_since = line.behind_since or now
        if now < line.asked_at + (ASK_AGAIN / 2 if known else line.wait):
            return
        if line.asking > min(1 + int((now - line.behind_since) / LOST), 3):
            return
        here = bool(self.presence.instances(author))
        others = sorted(m for m in self._lines if m != author and self.presence.instances(m))
        to = author
        if others and now > line.behind_since + (LOST if here else ASK_AGAIN):
            line.mirror += 1
            turn = line.mirror // 2 if here and not line.asking else line.mirror
            to = author if turn != line.mirror and line.mirror % 2 else others[turn % len(others)]
        elif line.asking and now < line.behind_since + LOST:
            return
        line.asking += 1
        line.asked_at, line.wait = now, min(line.wait * 1.5, SLOWEST)
        key = f"{author}/post" if to == author else f"{to}/mirror/{author}"

        def pulled(key: str, data: bytes, ok: bool) -> None:
            if ok:
                self._take(author, key.partition("/")[0], data)
            else:
                line.asking -= 1
            self._look(author)

        self.mail.ask(key, pulled, f"?since={held};me={self.me}")

    def _held(self, author: str) -> int:
        """The last round of this author that is here, or was delivered before."""
        with self.changed:
            newest = self.register.newest(author)
        return newest.round if newest else self.floor.get(author, -1)

    def _take(self, author: str, source: str, data: bytes) -> None:
        try:
            self._believe(author, source, list(unbundle(data)))
        except PostError as error:
            self.mail.tell(Event("refused", author, f"{error} (from {source})"))

    def _believe(self, author: str, source: str, posts: Sequence[bytes]) -> None:
        self.received[source] += sum(map(len, posts))
        for one in posts:
            try:
                with self.changed:
                    if self.register.take(author, one) is not None:
                        self._lines[author].behind_since = 0.0
                        self.changed.notify_all()
            except PostError as error:
                via = "" if source == author else f" (from the mirror of {source})"
                self.mail.tell(
                    Event(
                        "equivocation" if isinstance(error, Equivocation) else "refused",
                        author,
                        f"{error}{via}",
                    )
                )
                return
