"""What is held of every author: the newest posts that were verified, in their order.

Older ones never replace newer ones.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fedh2l.live.posts.post import Post, PostError, open_post
from fedh2l.wire.frame import KEY_EVERY

KEPT = KEY_EVERY + 2  # posts of an author: a key frame is among them
LARGEST = 7_000_000  # bytes of a payload; a message of 8 MB is the most that a link takes


class Equivocation(PostError):
    """An author says two things in one round."""


@dataclass
class Register:
    """Not shared between threads: who uses it holds a lock."""

    federation: str
    keys: Mapping[str, str]  # of every author
    limit: int = LARGEST
    # By author and round, in rising order.
    posts: dict[str, dict[int, Post]] = field(default_factory=dict[str, dict[int, Post]])

    def take(self, author: str, data: bytes) -> Post | None:
        """The post, if it is new here; None if it only repeats what is held.

        Raises PostError, and changes nothing, if not believed.
        """
        if author not in self.keys:
            raise PostError(f"{author}: no member of this federation; the convener can add it")
        held = self.posts.setdefault(author, {})
        if any(data == p.data for p in held.values()):
            return None
        post = open_post(data, self.federation, author, self.keys[author], self.limit)
        newest = self.newest(author)
        if (same := held.get(post.round)) is not None:
            if same.payload != post.payload:
                raise Equivocation(
                    f"{author}: says two different things in round {post.round}; what it said "
                    "first holds"
                )
            if post.age > same.age and same is newest:
                held[post.round] = post  # sent again after a restart
            return None
        if newest is not None and (post.round < newest.round or post.age <= newest.age):
            raise PostError(
                f"{author}: a post of round {post.round}, older than that of round "
                f"{newest.round} held here: replayed, or late"
            )
        held[post.round] = post
        while len(held) > KEPT:
            del held[next(iter(held))]
        return post

    def newest(self, author: str) -> Post | None:
        held = self.posts.get(author)
        return held[next(reversed(held))] if held else None

    def since(self, author: str, t: int) -> Iterator[Post]:
        """Its posts of rounds after t, oldest first."""
        return (p for r, p in self.posts.get(author, {}).items() if r > t)

    def spoken(self, author: str, t: int) -> bool:
        """Whether nothing more is to come from this author for round t: it is here, or the author
        is further.
        """
        newest = self.newest(author)
        return newest is not None and newest.round >= t


def bundle(posts: Iterable[Post], limit: int) -> bytes:
    """Posts in one message of at most `limit` bytes: the first ones, each after its length in 4
    bytes.
    """
    out = bytearray()
    for p in posts:
        if len(out) + 4 + len(p.data) > limit:
            break
        out += len(p.data).to_bytes(4, "little") + p.data
    return bytes(out)


def unbundle(data: bytes) -> Iterator[bytes]:
    """The posts in a bundle, unverified. Raises PostError where it ends early."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        if at + 4 + size > len(data) or size == 0:
            raise PostError(f"a bundle of {len(data)} bytes ends within a post")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size
