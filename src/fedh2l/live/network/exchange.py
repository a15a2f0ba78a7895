"""The exchange of a real network, without a server: a member announces its posts, the others pull
them, and all keep signed mirrors of each other.

Keys below the federation's root, each written by the member whose name is in it: `NAME/news`
(announcements), `NAME/post` (its posts after the round `since` in the question),
`NAME/mirror/AUTHOR` (another's posts, as signed by that one), `NAME/terms` (the newest invite),
`NAME/alive/PROCESS`, `NAME/who/MEMBER` (the processes of that member, each by its own claim).
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from fedh2l.delivery import Delivery, Outbox
from fedh2l.error import FedH2LError
from fedh2l.live.network.links import Links
from fedh2l.live.network.mailbox import Event
from fedh2l.live.network.node import Shared, Traffic
from fedh2l.live.network.waiting import wait_until_closed
from fedh2l.live.notices import Notices
from fedh2l.live.patience import write_patiently
from fedh2l.live.posts.own_posts import OwnPosts
from fedh2l.live.posts.register import LARGEST, Delivered, Register
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.running import new_process
from fedh2l.live.trust.terms import Terms

LINGER = 1.0  # seconds in which the others can ask for the last posts


class ZenohP2P:
    """An `Exchange` for the one member hosted here; opened by `with`.

    `delivered`: of each other member the last round that was delivered before, from a checkpoint;
    `invite_bytes`: the signed terms, for members that have an older version; `limit`: bytes of the
    largest frame that any member can have to say; `listen`: host:port, where it is not the address
    of the terms. A post of round t that was saved before a kill is sent again in place of what the
    loop says now: nobody hears two things of one round. With `asynchronous` terms no round waits.
    """

    def __init__(
        self,
        terms: Terms,
        identity: Identity,
        folder: Path,
        *,
        delivered: Mapping[str, int],
        invite_bytes: bytes = b"",
        limit: int = LARGEST,
        listen: str = "",
        notices: Notices | None = None,
    ) -> None:
        terms.check_key(identity)
        self.terms, self.identity, self.folder = terms, identity, folder
        self.me, self._listen = identity.name, listen
        self._invite_bytes = invite_bytes
        earlier = terms.member(self.me).earlier_keys(terms.federation)
        self._own = OwnPosts(folder, terms.federation, identity, limit, earlier)
        self._process = new_process(self._own.epoch)
        keys = {m.name: m.key for m in terms.members}
        self._register = Register(terms.federation, keys, limit, terms.rounds)
        for post in self._own.saved.values():
            self._register.take(self.me, post.data)
        self._delivered, self._changed = Delivered(delivered), threading.Condition()
        self._sent_bytes: dict[str, int] = {}
        self._notices, self._last_said = notices or Notices(), -1  # by this process

    def __enter__(self) -> "ZenohP2P":
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.say_farewell()
        self._close()

    def say_farewell(self) -> None:
        """Tell the others that no round need wait for this member until it is back."""
        # Who has finished has said so, and a second process does not speak for the first.
        is_over = not 0 <= self._last_said < self.terms.rounds
        if not is_over and not self._links.twins.is_second:
            self._last_said = -1
            self._links.speaker.say_farewell(self._own.farewell())

    def _open(self) -> None:
        shared = Shared(self.terms, self._invite_bytes, self._register, self._changed)
        self._links = Links(
            shared,
            self.identity,
            self.folder / "link",
            process=self._process,
            listen=self._listen,
            delivered=self._delivered.rounds,
            sent_bytes=self._sent_bytes,
        )

    def _close(self) -> None:
        self._sent_bytes = self._links.speaker.sent_bytes
        self._links.close()

    def __call__(self, t: int, outbox: Outbox) -> Delivery:
        not_hosted = sorted(set(outbox) - {self.me})
        if not_hosted:
            raise FedH2LError(f"{self.me} alone is hosted here, not {', '.join(not_hosted)}")
        if self.me not in outbox:  # a member with nothing to say waits for nobody
            return Delivery({}, {})
        self._say(t, outbox[self.me])
        if not self.terms.asynchronous:
            speakers = wait_until_closed(self._links, self.terms, t, self._notices)
            if speakers <= 1 and self.others():
                self.tell("alone", f"nobody else was heard in round {t}; own data teach alone")
        if self._links.twins.is_second:
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
            # Nobody is waited for who has left.
            quorum = min(self.terms.quorum, len(self.terms.members) - len(self.gone()))
            patience = min(deadline, self.terms.deadline)
            terms = replace(self.terms, deadline=patience, quorum=quorum)
            wait_until_closed(self._links, terms, terms.rounds, self._notices)
        time.sleep(LINGER)

    def _say(self, t: int, frame: bytes) -> None:
        post = write_patiently(partial(self._own.say, t, frame), self._notices)
        with self._changed:
            self._register.take(self.me, post.data)
        if post.payload != frame:
            self.tell("resent", f"round {t} was said before a restart; that is said again")
        self._links.speaker.announce(post)
        self._last_said = t

    def gone(self) -> list[str]:
        """The others that have said that they left, and are not back."""
        with self._changed:
            return [n for n in self.others() if self._register.gone_from(n) is not None]

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

    def has_heard_all(self) -> bool:
        """Whether a post of every other member is here."""
        with self._changed:
            return all(self._register.newest(name) for name in self.others())

    def present(self) -> set[str]:
        """The members that seem to be connected: a hint, on which no result depends."""
        return {name for name in self.others() if self._links.presence.instances(name)}

    def tell(self, kind: str, reason: str) -> None:
        """Keep an event about this member itself."""
        self._links.mail.tell(Event(kind, self.me, reason))

    def events(self) -> list[Event]:
        """The events after the last call."""
        return self._links.mail.drain()

    @property
    def wire_bytes(self) -> dict[str, Traffic]:
        sent, received = self._links.speaker.sent_bytes, self._links.puller.received_bytes
        return {name: Traffic(sent[name], received.get(name, 0)) for name in self.others()}

    @property
    def newer_invite_bytes(self) -> bytes | None:
        """A later version of the invite that a member has sent; for `update` between two rounds."""
        return self._links.puller.newer_invite_bytes

    def update(
        self, terms: Terms, invite_bytes: bytes = b"", identity: Identity | None = None
    ) -> None:
        """Take up a later version of the invite between two rounds, with the identity to which it
        belongs: the links are opened anew, the members' posts stay. A member that is not in it any
        more has no link afterwards, so it is told before.
        """
        terms.check_key(identity := identity or self.identity)
        removed_members = self.present() - {m.name for m in terms.members}
        self.identity, self.terms = identity, terms
        self._invite_bytes = invite_bytes or self._invite_bytes
        if removed_members:
            self._links.tell_removed(self.terms, self._invite_bytes)
        events, received_bytes = self._links.mail.drain(), self._links.puller.received_bytes
        self._close()
        self._own.sign_anew(identity)
        self._register = self._register.under({m.name: m.key for m in terms.members}, terms.rounds)
        for post in self._own.saved.values():
            self._register.take(self.me, post.data)
        self._open()
        self._links.puller.received_bytes |= received_bytes
        for event in events:
            self._links.mail.tell(event)
