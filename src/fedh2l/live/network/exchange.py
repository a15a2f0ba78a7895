"""The exchange of a real network, without a server: a member announces its posts, the others pull
them, and all keep signed mirrors of each other.

Keys below the federation's root, each written by the member whose name is in it: `NAME/news`
(announcements), `NAME/post` (its posts after the round `since` in the question),
`NAME/mirror/AUTHOR` (another's posts, as signed by that one), `NAME/terms` (the newest invite),
`NAME/alive/INSTANCE`.
"""

import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from fedh2l.delivery import Delivery, Outbox
from fedh2l.error import FedH2LError
from fedh2l.live.network.barrier import Barrier
from fedh2l.live.network.link import open_link, root
from fedh2l.live.network.mailbox import Event, Mailbox
from fedh2l.live.network.node import Node, Traffic
from fedh2l.live.network.presence import Presence
from fedh2l.live.network.pull import Puller
from fedh2l.live.network.speak import Speaker
from fedh2l.live.posts.own_posts import OwnPosts
from fedh2l.live.posts.register import Delivered, Register
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.terms import Terms

# Seconds in which a member that is removed can ask for the invite that says so.
REMOVAL_HEARD = 1.0
LINGER = 1.0  # seconds in which the others can ask for the last posts


class ZenohP2P:
    """An `Exchange` for the one member hosted here; opened by `with`.

    `delivered`: of each other member the last round that was delivered before, from a checkpoint;
    `invite_bytes`: the signed terms, for members that have an older version. A post of round t that
    was saved before a kill is sent again in place of what the loop says now: nobody hears two
    things of one round. With `asynchronous` terms no round waits.
    """

    def __init__(
        self,
        terms: Terms,
        identity: Identity,
        folder: Path,
        *,
        delivered: Mapping[str, int],
        invite_bytes: bytes = b"",
    ) -> None:
        self.terms, self.identity, self.folder = terms, identity, folder
        self.me = identity.name
        terms.check_key(identity)
        self._invite_bytes = invite_bytes
        self._own = OwnPosts(folder, terms.federation, identity)
        self._instance = f"{self._own.epoch:020d}-{secrets.token_hex(4)}"
        self._register = Register(terms.federation, {m.name: m.key for m in terms.members})
        for post in self._own.saved.values():
            self._register.take(self.me, post.data)
        self._delivered = Delivered(delivered)
        self._changed = threading.Condition()
        self._sent_bytes: dict[str, int] = {}

    def __enter__(self) -> "ZenohP2P":
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _open(self) -> None:
        session = open_link(self.terms, self.identity, self.folder / "link")
        self._mail = Mailbox(session, root(self.terms))
        self._node = Node(
            me=self.me,
            terms=self.terms,
            invite_bytes=self._invite_bytes,
            mail=self._mail,
            register=self._register,
            changed=self._changed,
        )

        self._presence = Presence(self._node, self._instance)
        self._puller = Puller(self._node, self._presence, self._delivered.rounds)
        self._speaker = Speaker(self._node, self._presence, self._sent_bytes)

        self._mail.start(f"fedh2l-mail-{self.me}", self._puller.tick, self._presence.check)
        try:
            self._presence.refuse_a_second()
            self._speaker.open(self._instance)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        self._sent_bytes = self._speaker.sent_bytes
        self._mail.close()
        self._mail.session.close()

    def __call__(self, t: int, outbox: Outbox) -> Delivery:
        not_hosted = sorted(set(outbox) - {self.me})
        if not_hosted:
            raise FedH2LError(f"{self.me} alone is hosted here, not {', '.join(not_hosted)}")
        if self.me not in outbox:  # a member with nothing to say waits for nobody
            return Delivery({}, {})

        self._say(t, outbox[self.me])
        if not self.terms.asynchronous:
            speakers = self._wait(t, self.terms.deadline)
            if speakers <= 1 and self.others():
                alone = f"nobody else was heard in round {t}; learning goes on from its own data"
                self._mail.tell(Event("alone", self.me, alone))
        if self._presence.twin:
            raise FedH2LError(
                f"{self.me}: another process under this name started before this one; stop one "
                "of them"
            )

        with self._changed:
            latest = None if self.terms.asynchronous else t
            inbox = {
                author: self._delivered.take_new(self._register, author, latest)
                for author in self.others()
            }
        return Delivery({self.me: inbox}, {self.me: self.others()})

    def finish(self, deadline: float) -> None:
        """Go on answering after the last round. Each member that has finished says one empty post
        more; this ends as a round does, after `deadline` seconds at most.
        """
        # Without a barrier nobody waits for the last post, and an empty one would be learnt from.
        if not self.terms.asynchronous:
            self._say(self.terms.rounds, b"")
            self._wait(self.terms.rounds, min(deadline, self.terms.deadline))
        time.sleep(LINGER)

    def _say(self, t: int, frame: bytes) -> None:
        post = self._own.say(t, frame)
        with self._changed:
            self._register.take(self.me, post.data)
        if post.payload != frame:
            again = f"round {t} was said before a restart; that is said again"
            self._mail.tell(Event("resent", self.me, again))
        self._speaker.announce(post)

    def _wait(self, t: int, deadline: float) -> int:
        """Wait until round t closes. Returns how many members have spoken in it."""
        barrier = Barrier(self.terms, time.monotonic(), deadline)
        self._puller.wait_for(t)
        while True:
            with self._changed:
                speakers = sum(self._register.has_spoken(m.name, t) for m in self.terms.members)
                now = time.monotonic()
                closes_at = barrier.closes_at(speakers, now)
                if now >= closes_at or self._puller.removed:
                    break
                self._changed.wait(min(closes_at, barrier.announce_at) - now)

            # An announcement may be lost: one more makes the others ask.
            if barrier.may_announce(time.monotonic()):
                self._speaker.announce()
        self._puller.wait_for(-1)
        return speakers

    def others(self) -> list[str]:
        return self.terms.others(self.me)

    @property
    def delivered(self) -> dict[str, int]:
        """The last round of each other member that was delivered; for a restart."""
        return dict(self._delivered.rounds)

    def rounds_heard(self) -> tuple[int, int]:
        """The first round of which another member's post is here, and the round at which the others
        are; −1 where there is none.
        """
        with self._changed:
            return self._register.rounds_heard(self.others())

    def present(self) -> set[str]:
        """The members that seem to be connected: a hint, on which no result depends."""
        return {name for name in self.others() if self._presence.instances(name)}

    def events(self) -> list[Event]:
        """The events after the last call, of the kinds that `Event` has."""
        return self._mail.drain()

    @property
    def wire_bytes(self) -> dict[str, Traffic]:
        sent, received = self._speaker.sent_bytes, self._puller.received_bytes
        return {name: Traffic(sent[name], received.get(name, 0)) for name in self.others()}

    @property
    def newer_invite_bytes(self) -> bytes | None:
        """A later version of the invite that a member has sent; for `update` between two rounds."""
        return self._puller.newer_invite_bytes

    def update(self, terms: Terms, invite_bytes: bytes = b"") -> None:
        """Take up a later version of the invite between two rounds: the links are opened anew, the
        members' posts stay.

        A member that is not in it any more has no link afterwards, so it is told before.
        """
        terms.check_key(self.identity)
        removed_members = self.present() - {m.name for m in terms.members}
        self.terms, self._invite_bytes = terms, invite_bytes or self._invite_bytes
        if removed_members:
            self._node.terms, self._node.invite_bytes = self.terms, self._invite_bytes
            self._speaker.announce()
            time.sleep(REMOVAL_HEARD)

        events, received_bytes = self._mail.drain(), self._puller.received_bytes
        self._close()
        self._register = self._register.under({m.name: m.key for m in terms.members})
        self._open()
        self._puller.received_bytes |= received_bytes
        for event in events:
            self._mail.tell(event)
