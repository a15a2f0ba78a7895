"""The exchange of a real network, without a server: a member announces, the others pull, and all
keep signed mirrors of each other.

Keys below the federation's root, each written by the member whose name is in it: `NAME/news`
(announcements), `NAME/post` (its posts, asked for with `since`), `NAME/mirror/AUTHOR` (another's
posts, as signed by that one), `NAME/terms` (the newest invite), `NAME/alive/INSTANCE`.
"""

import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from fedh2l.error import FedH2LError
from fedh2l.live.network.link import LEASE, open_link, root
from fedh2l.live.network.mailbox import Event, Mailbox
from fedh2l.live.network.presence import Presence
from fedh2l.live.network.pull import Puller
from fedh2l.live.network.speak import Speaker
from fedh2l.live.posts.own_posts import OwnPosts
from fedh2l.live.posts.register import LARGEST, Register
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.terms import Terms
from fedh2l.loop import Delivery, Outbox

FIRST_LINK = 1.0  # seconds in which somebody to ask should be connected
TOLD = 1.0  # seconds in which who is removed can ask for the invite that says so
# Seconds from the first announcement to the second while a round is open; then twice as long each
# time.
ANNOUNCE = 1.0


class Traffic(NamedTuple):
    """Bytes that this member gave to the network and got from it, for one other member: payloads,
    envelopes, announcements.
    """

    sent: int
    received: int


class ZenohP2P:
    """An `Exchange` for the one member hosted here; opened by `with`.

    `since`: the last round of each other that was delivered before, from a checkpoint; `invite`:
    the file of the terms, for those who have an older version. A post of round t that was saved
    before a kill is sent again in place of what the loop says now: nobody hears two things of one
    round. With `asynchronous` terms nothing is waited for.
    """

    def __init__(
        self,
        terms: Terms,
        identity: Identity,
        folder: Path,
        *,
        since: Mapping[str, int],
        invite: bytes = b"",
    ) -> None:
        self.terms, self.identity, self.folder = terms, identity, folder
        self.me = identity.name
        if terms.member(self.me).key != identity.public:
            raise FedH2LError(
                f"{self.me}: its key here is not the one in the invite; use the identity with "
                "which it was accepted"
            )
        self._delivered = dict(since)
        self._invite = invite
        self._own = OwnPosts(folder, terms.federation, identity)
        self._instance = f"{self._own.epoch:020d}-{secrets.token_hex(4)}"
        self._register = Register(terms.federation, {m.name: m.key for m in terms.members})
        for post in self._own.saved.values():
            self._register.take(self.me, post.data)
        self._changed = threading.Condition()  # guards the register and what the puller tells
        self._sent: dict[str, int] = {}

    def __enter__(self) -> "ZenohP2P":
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _open(self) -> None:
        session = open_link(self.terms, self.identity, self.folder / "link")
        self._mail = Mailbox(session, root(self.terms))
        self._presence = Presence(self._mail, self.terms, self.me, self._instance)
        self._puller = Puller(
            self._mail,
            self._presence,
            self.terms,
            self.me,
            self._register,
            self._changed,
            self._delivered,
        )
        self._speaker = Speaker(
            session,
            root(self.terms),
            self.terms,
            self.me,
            self._invite,
            self._register,
            self._changed,
            self._presence,
            self._sent,
        )
        self._mail.start(f"fedh2l-mail-{self.me}", self._puller.tick, self._presence.check)
        try:
            self._refuse_a_second()
            self._speaker.open(self._instance)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        self._sent = self._speaker.sent
        self._mail.close()
        self._mail.session.close()

    def _refuse_a_second(self) -> None:
        """Another process under my name is running, say at least half of those who answer.

        A killed one is forgotten after a lease.
        """
        start = time.monotonic()
        while not self.present() and time.monotonic() < start + FIRST_LINK:
            time.sleep(0.05)
        end = time.monotonic() + 2 * LEASE / 1000
        while self._presence.seen_by_others():
            if time.monotonic() > end:
                raise FedH2LError(
                    f"{self.me}: a member of this name is running already; stop that one first, "
                    "or, if it is not yours, tell the convener: somebody has your keys"
                )
            time.sleep(0.3)

    def __call__(self, t: int, outbox: Outbox) -> Delivery:
        if set(outbox) - {self.me}:
            raise FedH2LError(
                f"{self.me} alone is hosted here, not {', '.join(sorted(set(outbox) - {self.me}))}"
            )
        if self.me not in outbox:  # nothing to say, nobody to wait for
            return Delivery({}, {})
        self._say(t, outbox[self.me])
        if not self.terms.asynchronous:
            self._wait(t)
        if self._presence.twin:
            raise FedH2LError(
                f"{self.me}: another process under this name started before this one; stop one "
                "of them"
            )
        with self._changed:
            inbox = {author: self._take(author, t) for author in self.others()}
        return Delivery({self.me: inbox}, {self.me: self.others()})

    def _say(self, t: int, frame: bytes) -> None:
        if len(frame) > LARGEST:
            raise FedH2LError(
                f"{self.me}: a frame of {len(frame)} bytes, a post takes {LARGEST}; use a "
                "smaller codec"
            )
        post = self._own.say(t, frame)
        with self._changed:
            self._register.take(self.me, post.data)
            if post.payload != frame:
                self._mail.tell(
                    Event(
                        "resent",
                        self.me,
                        f"round {t} was said before a restart; that is said again",
                    )
                )
        self._speaker.announce(post)

    def _wait(self, t: int) -> None:
        start = time.monotonic()
        reached: float | None = None
        self._puller.wait_for(t)
        # Many announce more seldom.
        announced, pause = start, ANNOUNCE * max(1.0, len(self.terms.members) / 20)
        while True:
            with self._changed:
                spoken = sum(self._register.spoken(m.name, t) for m in self.terms.members)
                now = time.monotonic()
                if reached is None and spoken >= self.terms.quorum:
                    reached = now
                ends = (
                    start + self.terms.deadline
                    if reached is None
                    else min(reached + self.terms.grace, start + self.terms.deadline)
                )
                if spoken == len(self.terms.members) or now >= ends or self._puller.removed:
                    break
                self._changed.wait(min(ends, announced + pause) - now)
            if time.monotonic() >= announced + pause:
                announced, pause = time.monotonic(), 2 * pause
                self._speaker.announce()
        if spoken <= 1 and len(self.terms.members) > 1:
            self._mail.tell(
                Event(
                    "alone",
                    self.me,
                    f"nobody else was heard in round {t}; learning goes on from the own data",
                )
            )
        self._puller.wait_for(-1)

    def _take(self, author: str, t: int) -> tuple[bytes, ...]:
        posts = [
            p
            for p in self._register.since(author, self._delivered.get(author, -1))
            if p.round <= t or self.terms.asynchronous
        ]
        if posts:
            self._delivered[author] = posts[-1].round
        return tuple(p.payload for p in posts)

    def others(self) -> list[str]:
        return sorted(m.name for m in self.terms.members if m.name != self.me)

    @property
    def delivered(self) -> dict[str, int]:
        """The last round of each other that was delivered: `since` after a restart."""
        return dict(self._delivered)

    def newest(self) -> int:
        """The round at which the others are, −1 if none was heard: where one who comes late may
        begin.

        It is the lower median of their latest rounds: one member that claims to be far ahead takes
        nobody along.
        """
        with self._changed:
            heard = sorted(p.round for m in self.others() if (p := self._register.newest(m)))
        return heard[(len(heard) - 1) // 2] if heard else -1

    def present(self) -> set[str]:
        """Who is connected, as far as one can see. Nothing depends on it."""
        return {m for m in self.others() if self._presence.instances(m)}

    def events(self) -> list[Event]:
        """What happened since the last time: joined, left, refused, equivocation, alone, duplicate,
        resent, terms.
        """
        return self._mail.drain()

    @property
    def wire_bytes(self) -> dict[str, Traffic]:
        return {
            m: Traffic(self._speaker.sent[m], self._puller.received.get(m, 0))
            for m in self.others()
        }

    @property
    def newer_invite(self) -> bytes | None:
        """A later version of the invite, signed by the convener, that a member told of; for
        `update` between two rounds.
        """
        return self._puller.invite

    def update(self, terms: Terms, invite: bytes = b"") -> None:
        """Take up a later version of the invite between two rounds: the links are opened anew, what
        is held of members stays.

        Who is not in it any more has no link afterwards, so it is told before.
        """
        if terms.member(self.me).key != self.identity.public:
            raise FedH2LError(f"{self.me}: its key here is not the one in the new invite")
        gone = self.present() - {m.name for m in terms.members}
        self.terms, self._invite = terms, invite or self._invite
        if gone:
            self._speaker.terms, self._speaker.invite = self.terms, self._invite
            self._speaker.announce()
            time.sleep(TOLD)
        events = self._mail.drain()
        received = self._puller.received
        self._close()
        names = {m.name: m.key for m in terms.members}
        kept = {
            a: posts
            for a, posts in self._register.posts.items()
            if names.get(a) == self._register.keys[a]
        }
        self._register = Register(terms.federation, names, posts=kept)
        self._open()
        self._puller.received |= received
        for event in events:
            self._mail.tell(event)
