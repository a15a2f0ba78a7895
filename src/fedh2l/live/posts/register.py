"""The register of posts: of every author the newest ones that were verified, in their order.

An older post never replaces a newer one.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from fedh2l.live.posts.post import Post, PostError, open_post
from fedh2l.wire.header import KEY_EVERY

KEPT = KEY_EVERY + 2  # posts of an author: a key frame is among them
LARGEST = 7_000_000  # bytes of a payload; a message of 8 MB is the most that a link takes


class Equivocation(PostError):
    """An author says two things in one round."""


@dataclass
class Register:
    """Not safe between threads: a caller holds a lock around every call."""

    federation: str
    keys: Mapping[str, str]  # of every author
    limit: int = LARGEST  # bytes of a payload
    rounds: int = 1_000_000  # of the terms; a member that has finished posts once more
    # The posts by author and round, in rising order.
    posts: dict[str, dict[int, Post]] = field(default_factory=dict[str, dict[int, Post]])
    # The next key of an author that has signed it, until the terms with it are taken up.
    next_keys: dict[str, str] = field(default_factory=dict[str, str])
    farewells: dict[str, Post] = field(default_factory=dict[str, Post])  # the last of each author

    def take(self, author: str, data: bytes) -> Post | None:
        """The post, if it is new here; None if it only repeats one that is here.

        Raises PostError, and changes nothing, where it is not believed.
        """
        if author not in self.keys:
            raise PostError(f"{author}: no member of this federation; the convener can add it")
        posts = self.posts.setdefault(author, {})
        # Mirrors repeat what was announced; the same bytes need no second look at their signature.
        known = [*posts.values(), *filter(None, [self.farewells.get(author)])]
        if any(data == post.data for post in known):
            return None

        post = self._open(author, data)
        if post.round > self.rounds:
            raise PostError(
                f"{author}: a post of round {post.round}, and the terms have {self.rounds} rounds"
            )
        newest = self.newest(author)
        if post.is_farewell:
            return self._take_farewell(post)
        if post.round in posts:
            self._take_again(posts, post)
            return None
        # Neither round nor order ever falls: a post with which one does is a replay.
        if newest is not None and (post.round < newest.round or post.order <= newest.order):
            raise PostError(
                f"{author}: a post of round {post.round}, older than that of round "
                f"{newest.round} held here: replayed, or late"
            )
        posts[post.round] = post
        while len(posts) > KEPT:
            del posts[next(iter(posts))]
        return post

    def _open(self, author: str, data: bytes) -> Post:
        key, next_key = self.keys[author], self.next_keys.get(author)
        try:
            return open_post(data, self.federation, author=author, key=key, limit=self.limit)
        except PostError:
            if next_key is None:
                raise
        return open_post(data, self.federation, author=author, key=next_key, limit=self.limit)

    def _take_again(self, posts: dict[int, Post], post: Post) -> None:
        """Take a second post of a round: after a restart its author says the same, in a newer
        envelope.
        """
        earlier = posts[post.round]
        if earlier.payload != post.payload:
            raise Equivocation(
                f"{post.author}: says two different things in round {post.round}; what it said "
                "first holds"
            )
        # Posts are in order by their rounds, so only the newest one may be replaced by a newer.
        if post.order > earlier.order and earlier is self.newest(post.author):
            posts[post.round] = post

    def _take_farewell(self, post: Post) -> Post:
        """Take a farewell that is newer than all that its author has said."""
        said = (self.newest(post.author), self.farewells.get(post.author))
        if any(earlier is not None and post.order <= earlier.order for earlier in said):
            raise PostError(
                f"{post.author}: a farewell older than what it said later: replayed, or late"
            )
        self.farewells[post.author] = post
        return post

    def gone_from(self, author: str) -> int | None:
        """The first round in which this author does not speak, by its own word; None while it takes
        part: it has said no farewell, or something after it.
        """
        farewell, newest = self.farewells.get(author), self.newest(author)
        if farewell is None or (newest is not None and newest.order > farewell.order):
            return None
        return farewell.round

    def newest(self, author: str) -> Post | None:
        posts = self.posts.get(author)
        return posts[next(reversed(posts))] if posts else None

    def posts_after(self, author: str, t: int) -> Iterator[Post]:
        """The author's posts of rounds after t, oldest first."""
        return (post for round_, post in self.posts.get(author, {}).items() if round_ > t)

    def to_hand_on(self, author: str, t: int) -> Iterator[Post]:
        """The author's posts of rounds after t; and its farewell, if it is gone."""
        yield from self.posts_after(author, t)
        if self.gone_from(author) is not None:
            yield self.farewells[author]

    def has_spoken(self, author: str, t: int) -> bool:
        """Whether nothing more is to come from this author for round t: its post of that round, or
        of a later one, is here.
        """
        newest = self.newest(author)
        return newest is not None and newest.round >= t

    def rounds_heard(self, authors: Iterable[str]) -> tuple[int, int]:
        """The first round of which a post of these authors is here, and the round at which they
        are; −1 where none was heard.

        The latter is reached by more than half of those that were heard, and by two at least: one
        author that claims to be far ahead takes nobody along, also where no other is heard.
        """
        rounds = [list(self.posts[a]) for a in authors if self.posts.get(a)]
        if not rounds:
            return -1, -1
        latest = sorted((r[-1] for r in rounds), reverse=True)
        witnesses = max(2, len(latest) // 2 + 1)
        reached = latest[witnesses - 1] if witnesses <= len(latest) else -1
        return min(r[0] for r in rounds), reached

    def under(self, keys: Mapping[str, str], rounds: int) -> "Register":
        """A register for other keys and rounds, with the posts that these keys have signed."""
        register = Register(self.federation, keys, self.limit, rounds)
        for author in self.posts.keys() & keys.keys():
            for post in self.to_hand_on(author, -1):
                # Where the key is another, some may have been signed by it already.
                with suppress(PostError):
                    register.take(author, post.data)
        return register


class Delivered:
    """The last round of each author that was given to the loop."""

    def __init__(self, rounds: Mapping[str, int]) -> None:
        self.rounds = dict(rounds)

    def take_new(self, register: Register, author: str, latest: int | None) -> tuple[bytes, ...]:
        """The author's frames, up to round `latest` (None: all), that were not delivered yet."""
        posts = [
            post
            for post in register.posts_after(author, self.rounds.get(author, -1))
            if latest is None or post.round <= latest
        ]
        if posts:
            self.rounds[author] = posts[-1].round
        return tuple(post.payload for post in posts)


def bundle(posts: Iterable[Post], limit: int) -> bytes:
    """Posts in one message of at most `limit` bytes: the first ones, each after its length in 4
    bytes.
    """
    data = bytearray()
    for post in posts:
        if len(data) + 4 + len(post.data) > limit:
            break
        data += len(post.data).to_bytes(4, "little") + post.data
    return bytes(data)


def unbundle(data: bytes) -> Iterator[bytes]:
    """The posts in a bundle, unverified. Raises PostError where it ends early."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        if at + 4 + size > len(data) or size == 0:
            raise PostError(f"a bundle of {len(data)} bytes ends within a post")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size
