"""The envelope of one frame, signed by its author: federation, round, and the order of the post
among the author's; or of a farewell, which has no frame.

Bytes, integers little-endian: magic `HP`, version 1, kind (0 a frame, 1 a farewell), federation
(8), epoch (8), seq (8), round (4), SHA-256 of the payload (32), Ed25519 signature (64), payload.
What is signed is `fedh2l post 1`, 0, the author's name, 0, and the envelope up to the signature.
The name is not sent: a reader knows whose post it asked for, and under any other name the signature
does not hold. With a farewell its author says that it speaks no more from that round on, until a
post of its own with a greater order says that it is back.
"""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from fedh2l.live.trust.identity import verify
from fedh2l.record.atomic import sync_folder, write_file
from fedh2l.wire.codec import WireError

HEAD = struct.Struct("<2sBB8sQQI32s")
SIGNATURE = 64
ENVELOPE = HEAD.size + SIGNATURE
MAGIC, VERSION = b"HP", 1
FRAME, FAREWELL = 0, 1  # kinds


class PostError(WireError):
    """The post is not believed."""


@dataclass(frozen=True)
class Post:
    """A verified post. `data`: all its bytes as they arrived, to be handed on; the payload is in
    them, and not kept twice. `round`: of a farewell the first in which its author does not speak.
    """

    author: str
    epoch: int
    seq: int
    round: int
    data: bytes = field(repr=False)

    @property
    def payload(self) -> bytes:
        return self.data[ENVELOPE:]

    @property
    def is_farewell(self) -> bool:
        return is_farewell(self.data)

    @property
    def order(self) -> tuple[int, int]:
        """Of two posts of an author the one with the greater order is the newer."""
        return self.epoch, self.seq


def seal(
    sign: Callable[[bytes], bytes],
    federation: str,
    author: str,
    epoch: int,
    seq: int,
    t: int,
    payload: bytes,
    kind: int = FRAME,
) -> Post:
    """The post that says `payload` in round t. `federation`: its id, 16 hexadecimal digits."""
    head = HEAD.pack(
        MAGIC, VERSION, kind, bytes.fromhex(federation), epoch, seq, t, sha256(payload).digest()
    )
    data = head + sign(_signed(author, head)) + payload
    return Post(author=author, epoch=epoch, seq=seq, round=t, data=data)


def open_post(data: bytes, federation: str, author: str, key: str, limit: int) -> Post:
    """The post of this author in these bytes; `limit`: bytes of the largest payload.

    Raises PostError, before the bytes are used for anything.
    """
    if not ENVELOPE <= len(data) <= ENVELOPE + limit:
        raise PostError(
            f"{author}: a post of {len(data)} bytes, expected {ENVELOPE} to {ENVELOPE + limit}"
        )

    magic, version, kind, theirs, epoch, seq, t, digest = HEAD.unpack_from(data)
    if magic != MAGIC or version != VERSION or kind not in (FRAME, FAREWELL):
        raise PostError(f"{author}: no post of version {VERSION}, but of another release")
    if theirs.hex() != federation:
        raise PostError(f"{author}: a post of federation {theirs.hex()}, this is {federation}")

    if not verify(key, data[HEAD.size : ENVELOPE], _signed(author, data[: HEAD.size])):
        raise PostError(f"{author}: not signed by this member; whoever sent it is somebody else")
    if sha256(data[ENVELOPE:]).digest() != digest:
        raise PostError(
            f"{author}: its payload is not the one that was signed; damaged or changed on its way"
        )
    if kind == FAREWELL and len(data) > ENVELOPE:
        raise PostError(f"{author}: a farewell with a frame in it")
    return Post(author=author, epoch=epoch, seq=seq, round=t, data=data)


def is_farewell(data: bytes) -> bool:
    """Whether these bytes would be a farewell, if they are a post."""
    return len(data) >= ENVELOPE and data[3] == FAREWELL


def next_epoch(path: Path) -> int:
    """The epoch of a session that starts now, written to disk before it is used: later than any
    before, also if the clock was set back.
    """
    try:
        before = int(path.read_text())
    except FileNotFoundError:
        before = 0
    except ValueError as error:
        raise PostError(f"{path}: damaged ({error}); write 0 into it") from error
    epoch = max(before + 1, time.time_ns())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, f"{epoch}\n".encode())
    sync_folder(path.parent)
    return epoch


def _signed(author: str, head: bytes) -> bytes:
    return b"fedh2l post 1\0" + author.encode() + b"\0" + head
