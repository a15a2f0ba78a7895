"""The hearing of a member: announcements, and the posts behind them, pulled from their author or
from a mirror.

Presence only decides which member is asked first; a post counts by its signature.
"""

import struct
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import zenoh

from fedh2l.live.network.ask import ASK_AGAIN, AuthorProgress, OpenRound, whom_to_ask
from fedh2l.live.network.mailbox import Event
from fedh2l.live.network.node import Node
from fedh2l.live.network.presence import Presence
from fedh2l.live.posts.post import ENVELOPE, PostError, is_farewell
from fedh2l.live.posts.register import Equivocation, unbundle
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import Terms, read_terms

# Round of the newest post, version of the invite and its digest; a small post follows it the first
# time.
NEWS = struct.Struct("<II16s")
PUSHED = 8192  # bytes of a payload that is small enough to go with the announcement
OFTEN = 0.25  # seconds between two looks at all authors


class Puller:
    """Pulls posts into the node's register, in the mailbox's thread.

    `delivered`: the round of each author up to which no post is wanted.
    """

    def __init__(self, node: Node, presence: Presence, delivered: Mapping[str, int]) -> None:
        self.node, self.presence, self.delivered = node, presence, delivered
        self.newer_invite_bytes: bytes | None = None
        self.removed = False  # whether the newer invite is without this member
        self.received_bytes = defaultdict[str, int](int)  # by the member from which they came
        self._progress = {name: AuthorProgress(name) for name in node.terms.others(node.me)}
        self._round = OpenRound()
        self._invite_asked_at, self._look_at = 0.0, 0.0
        self._conflicting = set[str]()  # members with another invite of the version here
        node.mail.session.declare_subscriber(
            f"{node.mail.root}/*/news",
            node.mail.putting(self._read_announcement),
            allowed_origin=zenoh.Locality.REMOTE,
        )

    def wait_for(self, t: int) -> None:
        """Tell that round t is open, so that silent authors are asked; −1: no round is open."""
        self.node.mail.put(self._open_round, t)

    def tick(self) -> None:
        """Look at all authors from time to time."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + OFTEN
            for author in self._progress:
                self._ask_if_due(author)

    def _open_round(self, t: int) -> None:
        self._round = OpenRound(t, time.monotonic())
        for author, progress in self._progress.items():
            progress.pause = ASK_AGAIN
            self._ask_if_due(author)

    def _read_announcement(self, key: str, data: bytes, _: bool) -> None:
        author = key.partition("/")[0]
        fits = NEWS.size <= len(data) <= NEWS.size + ENVELOPE + PUSHED
        if author not in self._progress or not fits:
            return
        t, version, digest = NEWS.unpack_from(data)
        self.received_bytes[author] += NEWS.size

        # A post that does not follow on the last one here is dropped: it is pulled with those
        # before it. A member that is back says its last one again.
        post, last_here = data[NEWS.size :], self._last_here(author)
        if post and (t in (last_here, last_here + 1) or is_farewell(post)):
            self._accept_posts(author, author, (post,))
        self._progress[author].announce(t, time.monotonic())
        self._ask_for_invite(author, version, digest)
        self._ask_if_due(author)

    def _ask_for_invite(self, member: str, version: int, digest: bytes) -> None:
        """Ask for an invite that is newer, or that is another one of the same version."""
        now, mine = time.monotonic(), self.node.terms
        is_other = (
            version == mine.version and digest != mine.digest and member not in self._conflicting
        )
        if (version > mine.version or is_other) and now > self._invite_asked_at + ASK_AGAIN:
            self._invite_asked_at = now
            self.node.mail.ask(f"{member}/terms", self._accept_invite, f"?me={self.node.me}")

    def _accept_invite(self, key: str, data: bytes, _: bool) -> None:
        if not data:
            return
        member, mine = key.partition("/")[0], self.node.terms
        try:
            terms = read_terms(data)
            if self._is_known(member, terms, mine):
                return
            terms = read_terms(data, mine)
        except TermsError as error:
            self.node.mail.tell(Event("refused", member, str(error)))
            return

        earlier = self.newer_invite_bytes
        known = read_terms(earlier) if earlier is not None else None
        if known is not None and self._is_known(member, terms, known):
            return
        if known is None or terms.version > known.version:
            with self.node.changed:
                self.node.register.next_keys = terms.keys_after(self.node.register.keys)
                self.newer_invite_bytes = data
                self.removed = self.node.me not in {m.name for m in terms.members}
                self.node.changed.notify_all()
            news = f"version {terms.version} of the invite, signed by the convener"
            self.node.mail.tell(Event("terms", member, news))

    def _is_known(self, member: str, terms: Terms, known: Terms) -> bool:
        """Whether the terms are of a version that is here; told, if they are others nevertheless:
        the convener has signed both.
        """
        of_same = (terms.federation, terms.convener, terms.version)
        if of_same != (known.federation, known.convener, known.version):
            return False
        if terms.digest != known.digest and member not in self._conflicting:
            self._conflicting.add(member)
            reason = (
                f"the convener has signed two different invites of version {terms.version}: that "
                f"of {member} is not the one here; compare them (fedh2l invite show) and ask the "
                "convener"
            )
            self.node.mail.tell(Event("equivocation", "convener", reason))
        return True

    def _ask_if_due(self, author: str) -> None:
        """Ask for the author's posts that are not here yet, if it is time to."""
        progress, now = self._progress[author], time.monotonic()
        last_here = self._last_here(author)
        with self.node.changed:
            progress.gone_from = self.node.register.gone_from(author)
        progress.note_missing(last_here, self._round, now)
        present = [name for name in self._progress if self.presence.instances(name)]
        whom = whom_to_ask(progress, last_here, present, now)
        if whom is None:
            return

        def accept(key: str, data: bytes, is_answer: bool) -> None:
            if is_answer:
                self._accept_bundle(author, key.partition("/")[0], data)
            else:
                progress.open_questions -= 1
            self._ask_if_due(author)

        progress.count_question(whom, now)
        key = f"{author}/post" if whom == author else f"{whom}/mirror/{author}"
        self.node.mail.ask(key, accept, f"?since={last_here};me={self.node.me}")

    def _last_here(self, author: str) -> int:
        """The last round of this author that is here, or was delivered before."""
        with self.node.changed:
            newest = self.node.register.newest(author)
        return newest.round if newest else self.delivered.get(author, -1)

    def _accept_bundle(self, author: str, source: str, data: bytes) -> None:
        try:
            posts = list(unbundle(data))
        except PostError as error:
            self.node.mail.tell(Event("refused", author, f"{error} (from {source})"))
            return
        self._accept_posts(author, source, posts)

    def _accept_posts(self, author: str, source: str, posts: Sequence[bytes]) -> None:
        """Take posts of one author, oldest first, as `source` sent them, up to the first that is
        not believed.
        """
        self.received_bytes[source] += sum(map(len, posts))
        for data in posts:
            try:
                with self.node.changed:
                    was_gone = self.node.register.gone_from(author) is not None
                    post = self.node.register.take(author, data)
                    is_gone = self.node.register.gone_from(author) is not None
                    if post is not None or was_gone != is_gone:
                        self._progress[author].missing_from = None
                        self.node.changed.notify_all()
                if was_gone != is_gone:
                    self._tell_of_farewell(author, is_gone)
            except PostError as error:
                kind = "equivocation" if isinstance(error, Equivocation) else "refused"
                mirror = "" if source == author else f" (from the mirror of {source})"
                self.node.mail.tell(Event(kind, author, f"{error}{mirror}"))
                return

    def _tell_of_farewell(self, author: str, is_gone: bool) -> None:
        gone = Event("gone", author, "has left; no round waits for it until it is back")
        self.node.mail.tell(gone if is_gone else Event("back", author, "takes part again"))
