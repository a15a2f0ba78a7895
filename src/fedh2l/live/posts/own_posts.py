"""A member's own posts, on its disk before anybody hears them: after a kill the member says the
same again, never something else.
"""

from collections.abc import Sequence
from pathlib import Path

from fedh2l.error import FedH2LError
from fedh2l.live.posts.post import FAREWELL, FRAME, Post, PostError, next_epoch, open_post, seal
from fedh2l.live.posts.register import KEPT, LARGEST
from fedh2l.live.trust.identity import Identity
from fedh2l.record.atomic import sync_folder, write_file


class OwnPosts:
    """The last posts, in `folder/posts`, one file for each round."""

    def __init__(
        self,
        folder: Path,
        federation: str,
        identity: Identity,
        limit: int = LARGEST,
        earlier_keys: Sequence[str] = (),
    ) -> None:
        self.place, self.federation, self.identity = folder / "posts", federation, identity
        self.limit = limit  # bytes of a payload
        self.place.mkdir(parents=True, exist_ok=True)
        self.epoch, self.seq = next_epoch(folder / "epoch"), 0
        self.saved: dict[int, Post] = {}  # by round, in rising order
        for path in sorted(self.place.glob("*.post")):
            post = self._read(path, earlier_keys)
            self.saved[post.round] = post

    def _read(self, path: Path, earlier_keys: Sequence[str]) -> Post:
        data, refusals = path.read_bytes(), list[PostError]()
        me, present = self.identity.name, self.identity.public
        for key in (present, *earlier_keys):
            try:
                post = open_post(data, self.federation, author=me, key=key, limit=self.limit)
            except PostError as error:
                refusals.append(error)
                continue
            # The others believe the present key only.
            return post if key == present else self._write(post.round, post.payload)
        raise PostError(
            f"{path}: no post of this member can be read from it ({refusals[0]}); it is damaged, "
            "or the folder belongs to another federation or identity: restore it from a copy, or "
            "delete this file and the round is said anew"
        ) from refusals[0]

    def sign_anew(self, identity: Identity) -> None:
        """Sign the saved posts with the member's next key: the same, in new envelopes."""
        if identity.public == self.identity.public:
            return
        self.identity = identity
        self.saved = {t: self._write(t, post.payload) for t, post in self.saved.items()}

    def say(self, t: int, payload: bytes) -> Post:
        """The sealed post of round t.

        A payload that was saved for this round before is said again, in a new envelope, in place
        of `payload`.
        """
        if len(payload) > self.limit:
            raise FedH2LError(
                f"{self.identity.name}: a frame of {len(payload)} bytes, a post takes "
                f"{self.limit}; use a smaller codec"
            )
        if t in self.saved:
            payload = self.saved[t].payload

        post = self._write(t, payload)
        self.saved[t] = post
        while len(self.saved) > KEPT:
            old = next(iter(self.saved))
            del self.saved[old]
            (self.place / f"{old:08d}.post").unlink(missing_ok=True)
        return post

    def _write(self, t: int, payload: bytes) -> Post:
        post = self._seal(t, payload)
        write_file(self.place / f"{t:08d}.post", post.data)
        sync_folder(self.place)
        return post

    def farewell(self) -> Post:
        """The sealed farewell of a member that has said what it had to say; it is on no disk."""
        return self._seal(max(self.saved, default=-1) + 1, b"", FAREWELL)

    def _seal(self, t: int, payload: bytes, kind: int = FRAME) -> Post:
        self.seq += 1
        return seal(
            self.identity.sign,
            self.federation,
            author=self.identity.name,
            epoch=self.epoch,
            seq=self.seq - 1,
            t=t,
            payload=payload,
            kind=kind,
        )
