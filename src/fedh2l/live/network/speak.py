"""What a member says: where it is, and what others ask it for: its posts, mirrors of others' posts,
the invite, who it sees.
"""

import threading
from collections.abc import Mapping

import zenoh

from fedh2l.live.network.presence import Presence
from fedh2l.live.network.pull import NEWS, PUSHED
from fedh2l.live.posts.post import Post
from fedh2l.live.posts.register import LARGEST, Register, bundle
from fedh2l.live.trust.terms import Terms


class Speaker:
    """Everything goes out under the member's own name.

    `sent`: bytes given to the network, by the member for whom they are.
    """

    def __init__(
        self,
        session: zenoh.Session,
        root: str,
        terms: Terms,
        me: str,
        invite: bytes,
        register: Register,
        changed: threading.Condition,
        presence: Presence,
        sent: Mapping[str, int],
    ) -> None:
        self.session, self.root, self.terms, self.me, self.invite = session, root, terms, me, invite
        self.register, self.changed, self.presence = register, changed, presence
        self.sent = {m.name: 0 for m in terms.members} | dict(sent)

    def open(self, instance: str) -> None:
        """From now on others see this member, and get answers."""
        self._token = self.session.liveliness().declare_token(
            f"{self.root}/{self.me}/alive/{instance}"
        )
        # In a thread of its own: an answer may wait for a slow link.
        answer = zenoh.handlers.Callback(self._answer)
        self.session.declare_queryable(
            f"{self.root}/{self.me}/**", answer, allowed_origin=zenoh.Locality.REMOTE
        )

    def announce(self, post: Post | None = None) -> None:
        """Where I am. A small post that is new goes with it, so that nobody has to ask."""
        with self.changed:
            newest = self.register.newest(self.me)
        if newest is None:
            return
        data = NEWS.pack(newest.round, self.terms.version)
        data += (
            post.data
            if post is not None and post.age == newest.age and len(post.payload) <= PUSHED
            else b""
        )
        self.session.put(
            f"{self.root}/{self.me}/news", data, congestion_control=zenoh.CongestionControl.DROP
        )
        for m in self.sent:
            if m != self.me and self.presence.instances(m):
                self.sent[m] += len(data)

    def _answer(self, query: zenoh.Query) -> None:
        with query:
            # The name may be a wildcard.
            asked = str(query.key_expr).removeprefix(f"{self.root}/").partition("/")[2]
            data = self._said(asked, query.parameters.get("since") or "-1")
            if data:
                query.reply(f"{self.root}/{self.me}/{asked}", data)
                if (asker := query.parameters.get("me")) in self.sent:
                    self.sent[asker] += len(data)

    def _said(self, asked: str, since: str) -> bytes:
        kind, _, author = asked.partition("/")
        if kind == "terms":
            return self.invite
        if kind == "who":
            return " ".join(sorted(self.presence.instances(author))).encode() or b"-"
        if kind in ("post", "mirror") and since.removeprefix("-").isdecimal() and len(since) < 12:
            with self.changed:
                return bundle(
                    self.register.since(author if kind == "mirror" else self.me, int(since)),
                    LARGEST + 1000,
                )
        return b""
