"""The header of a frame: what it says, and all that can be refused before its body is read."""

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from fedh2l.message import Message, Posteriors
from fedh2l.wire.codec import Codec, WireError

HEADER = struct.Struct("<2sBBBB2sII")  # magic, version, kind, distance, lost, session, round, check
MAGIC, VERSION, WEIGHTS = b"H2", 1, 0
MOST_UNREADABLE = 255  # authors that a frame can name as unreadable, with a byte each
KEY_EVERY = 32  # an author's frames from one key frame to the next, at the most


@dataclass(frozen=True)
class Session:
    """What all peers have agreed on before the first frame."""

    codec: Codec
    seed_set: str  # its digest
    key_every: int = KEY_EVERY

    @cached_property
    def id(self) -> bytes:
        """8 bytes: two in every header, all of them in its check."""
        return sha256(f"fedh2l {VERSION} {self.codec.name} {self.seed_set}".encode()).digest()[:8]


class Header(NamedTuple):
    kind: int
    distance: int  # rounds back to the frame that this one says the changes of; 0: a key frame
    unreadable: int  # how many authors this author cannot read: a byte each follows the header
    round: int
    check: int = 0  # until the frame is sealed


def checked_header(frame: bytes, expected: Message, session: Session, sender: str) -> Header:
    """The header of a frame, once everything that can be seen before its body is as expected."""
    if len(frame) < HEADER.size:
        raise WireError(f"{sender}: {len(frame)} bytes, shorter than a header")
    magic, version, kind, distance, unreadable, theirs, t, check = HEADER.unpack_from(frame)
    if magic != MAGIC or version != VERSION:
        raise WireError(
            f"{sender}: not a frame of version {VERSION} of this wire format; all peers must run "
            "the same release"
        )
    if theirs != session.id[:2]:
        raise WireError(
            f"{sender}: speaks about another seed set or in another codec (session "
            f"{theirs.hex()}, mine is {session.id[:2].hex()}); compare digests and codecs"
        )

    expected_kind = session.codec.kind if isinstance(expected, Posteriors) else WEIGHTS
    if kind != expected_kind:
        raise WireError(
            f"{sender}: a frame of kind {kind}, expected {type(expected).__name__} as "
            f"{session.codec.name}; all peers must run the same algorithm and codec"
        )
    if t > expected.round:
        raise WireError(f"{sender}: round {t}, expected {expected.round}")
    values = expected.shape[0] * expected.shape[1] if expected_kind else 1 + expected.shape[0]
    if len(frame) > largest_frame(values, unreadable):
        raise WireError(
            f"{sender}: {len(frame)} bytes, more than any frame of this session: another model, "
            "seed set or number of classes"
        )
    return Header(kind, distance, unreadable, t, check=check)


def largest_frame(values: int, unreadable: int = MOST_UNREADABLE) -> int:
    """Bytes of the largest frame that says so many numbers: no codec needs more than float32."""
    return HEADER.size + unreadable + 4 * values + 64


def seal(
    header: Header, unreadable: bytes, body: bytes, session: Session, *, before: int
) -> tuple[bytes, int]:
    """The frame with its check, and the check."""
    head = HEADER.pack(
        MAGIC,
        VERSION,
        header.kind,
        header.distance,
        header.unreadable,
        session.id[:2],
        header.round,
        0,
    )
    unchecked = head + unreadable + body
    check = check_of(unchecked, session, before)
    return unchecked[:12] + struct.pack("<I", check) + unchecked[16:], check


def check_of(frame: bytes, session: Session, before: int) -> int:
    """CRC-32 over the session, the check of the frame that this one is against (`before`), and the
    frame itself without its check.
    """
    return zlib.crc32(frame[16:], zlib.crc32(session.id + struct.pack("<I", before) + frame[:12]))
