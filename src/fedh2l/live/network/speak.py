"""What a member says: where it is, and what others ask it for: its posts, mirrors of others' posts,
the invite, and whom it sees.
"""

from collections.abc import Mapping

import zenoh

from fedh2l.live.network.node import Node
from fedh2l.live.network.presence import Presence
from fedh2l.live.network.pull import NEWS, PUSHED
from fedh2l.live.posts.post import Post
from fedh2l.live.posts.register import LARGEST, bundle


class Speaker:
    """Everything goes out under the member's own name.

    `sent`: bytes given to the network, by the member for whom they are.
    """

    def __init__(self, node: Node, presence: Presence, sent: Mapping[str, int]) -> None:
        self.node, self.presence = node, presence
        self.sent = {m.name: 0 for m in node.terms.members} | dict(sent)
        self._session, self._place = node.mail.session, f"{node.mail.root}/{node.me}"

    def open(self, instance: str) -> None:
        """From now on others see this member, and get answers."""
        self._token = self._session.liveliness().declare_token(f"{self._place}/alive/{instance}")
        # In a thread of its own: an answer may wait for a slow link.
        answer = zenoh.handlers.Callback(self._answer)
        self._session.declare_queryable(
            f"{self._place}/**", answer, allowed_origin=zenoh.Locality.REMOTE
        )

    def announce(self, post: Post | None = None) -> None:
        """Which round I am at. A small post that is new goes with it, so that nobody has to ask."""
        with self.node.changed:
            newest = self.node.register.newest(self.node.me)
        if newest is None:
            return
        data = NEWS.pack(newest.round, self.node.terms.version)
        if post is not None and post.age == newest.age and len(post.payload) <= PUSHED:
            data += post.data

        self._session.put(
            f"{self._place}/news", data, congestion_control=zenoh.CongestionControl.DROP
        )
        for name in self.sent:
            if name != self.node.me and self.presence.instances(name):
                self.sent[name] += len(data)

    def _answer(self, query: zenoh.Query) -> None:
        with query:
            # The question may be to a wildcard; the answer is under my own name.
            question = str(query.key_expr).removeprefix(f"{self.node.mail.root}/").partition("/")[2]
            data = self._answer_to(question, query.parameters.get("since") or "-1")
            if not data:
                return
            query.reply(f"{self._place}/{question}", data)
            asker = query.parameters.get("me")
            if asker in self.sent:
                self.sent[asker] += len(data)

    def _answer_to(self, question: str, since: str) -> bytes:
        kind, _, author = question.partition("/")
        if kind == "terms":
            return self.node.invite
        if kind == "who":
            return " ".join(sorted(self.presence.instances(author))).encode() or b"-"

        is_round = since.removeprefix("-").isdecimal() and len(since) < 12
        if kind not in ("post", "mirror") or not is_round:
            return b""
        with self.node.changed:
            author = author if kind == "mirror" else self.node.me
            return bundle(self.node.register.since(author, int(since)), LARGEST + 1000)
