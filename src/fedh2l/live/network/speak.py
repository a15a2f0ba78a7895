"""The speech of a member: announcements of its round, and answers to questions for its posts, its
mirrors of others' posts, the invite, and the processes that it sees.
"""

import time
from collections.abc import Mapping
from contextlib import suppress

import zenoh

from fedh2l.live.network.node import Node
from fedh2l.live.network.presence import Presence
from fedh2l.live.network.pull import NEWS, PUSHED
from fedh2l.live.network.twin import Twins
from fedh2l.live.posts.post import Post
from fedh2l.live.posts.register import LARGEST, bundle

FAREWELL_HEARD = 0.5  # seconds in which the others hear a farewell


class Speaker:
    """Everything goes out under the member's own name.

    `sent_bytes`: given to the network, by the member for whom they are.
    """

    def __init__(
        self, node: Node, presence: Presence, twins: Twins, sent_bytes: Mapping[str, int]
    ) -> None:
        self.node, self.presence, self.twins = node, presence, twins
        self.sent_bytes = {m.name: 0 for m in node.terms.members} | dict(sent_bytes)
        self._session, self._place = node.mail.session, f"{node.mail.root}/{node.me}"

    def open(self, process: str) -> None:
        """Let the others see this member, and answer them from now on."""
        self._token = self._session.liveliness().declare_token(f"{self._place}/alive/{process}")
        # Zenoh calls it in a thread of its own: an answer may wait for a slow link.
        answer = zenoh.handlers.Callback(self._answer)
        self._session.declare_queryable(
            f"{self._place}/**", answer, allowed_origin=zenoh.Locality.REMOTE
        )

    def announce(self, post: Post | None = None) -> None:
        """Announce the newest round. A small post that is new goes with it, so that nobody has to
        ask for it; and so does a farewell.
        """
        with self.node.changed:
            newest = self.node.register.newest(self.node.me)
        if newest is None:
            return
        data = NEWS.pack(newest.round, self.node.terms.version, self.node.terms.digest)
        is_newest = post is not None and (post.is_farewell or post.order == newest.order)
        if post is not None and is_newest and len(post.payload) <= PUSHED:
            data += post.data

        self._session.put(
            f"{self._place}/news", data, congestion_control=zenoh.CongestionControl.DROP
        )
        for name in self.sent_bytes:
            if name != self.node.me and self.presence.instances(name):
                self.sent_bytes[name] += len(data)

    def say_farewell(self, post: Post) -> None:
        """Tell the others that no round need wait for this member until it is back."""
        with suppress(zenoh.ZError):  # the links may be down
            self.announce(post)
            if any(
                name != self.node.me and self.presence.instances(name) for name in self.sent_bytes
            ):
                time.sleep(FAREWELL_HEARD)

    def _answer(self, query: zenoh.Query) -> None:
        # The question may be addressed to a wildcard; the answer is under my own name.
        question = str(query.key_expr).removeprefix(f"{self.node.mail.root}/").partition("/")[2]
        if question.startswith("who/"):
            self.twins.answer(query, question.removeprefix("who/"))
            return
        with query:
            data = self._answer_to(question, query.parameters.get("since") or "-1")
            if not data:
                return
            query.reply(f"{self._place}/{question}", data)
            asker = query.parameters.get("me")
            if asker in self.sent_bytes:
                self.sent_bytes[asker] += len(data)

    def _answer_to(self, question: str, last_round: str) -> bytes:
        """The bytes of an answer; nothing where the question is none of this protocol.

        `last_round`: the text of the last round that the asker has, from a stranger.
        """
        kind, _, author = question.partition("/")
        if kind == "terms":
            return self.node.invite_bytes

        is_round = last_round.removeprefix("-").isdecimal() and len(last_round) < 12
        if kind not in ("post", "mirror") or not is_round:
            return b""
        with self.node.changed:
            author = author if kind == "mirror" else self.node.me
            posts = self.node.register.to_hand_on(author, int(last_round))
            return bundle(posts, LARGEST + 1000)
