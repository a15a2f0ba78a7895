"""Messages as frames, and the door through which strangers come in: everything is checked before
anything is allocated.

A frame is a 16-byte header and a body (docs/wire.md). It is a key frame, which can be read alone,
or it says what has changed since an earlier frame of the same author, which it names. Sizes never
come from a frame: the receiver knows them, because it has just said the like.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np

from fedh2l.message import Message, Posteriors, Weights
from fedh2l.wire.codec import Codec, WireError, check_size
from fedh2l.wire.state import Reference, WireState

HEADER = struct.Struct("<2sBBBB2sII")  # magic, version, kind, distance, lost, session, round, check
MAGIC, VERSION, WEIGHTS = b"H2", 1, 0
KEY_EVERY = 32  # an author's frames from one key frame to the next, at the most
FARTHEST = 255  # rounds from a frame to the one that it names


class Unreadable(WireError):
    """A frame against one that is not held here. The author is asked for a key frame."""


@dataclass(frozen=True)
class Session:
    """What all have agreed on before the first frame."""

    codec: Codec
    seed_set: str  # its digest

    @cached_property
    def id(self) -> bytes:
        """8 bytes: two in every header, all of them in its check."""
        return sha256(f"fedh2l {VERSION} {self.codec.name} {self.seed_set}".encode()).digest()[:8]


def encode(message: Message, session: Session, state: WireState) -> bytes:
    """The frame that says this to everybody, and `state` as they are after it was said."""
    if isinstance(message, Weights):
        arrays = (message.arrays[k].astype("<f4").tobytes() for k in sorted(message.arrays))
        return _frame(
            WEIGHTS,
            0,
            b"",
            session,
            message.round,
            0,
            struct.pack("<I", message.rows) + b"".join(arrays),
        )[0]
    past = state.last_sent
    if past and (
        message.fresh
        or state.key_frame_requested
        or not past.held
        or past.age + 1 >= KEY_EVERY
        or not 0 < message.round - past.round <= FARTHEST
    ):
        past = None
    body, held = session.codec.encode(
        message.probs, past.held if past else None, message.rounds_left
    )
    lost = bytes(sorted({_short(name) for name in state.unreadable}))[:255]
    distance, before = (message.round - past.round, past.check) if past else (0, 0)
    data, check = _frame(session.codec.kind, distance, lost, session, message.round, before, body)
    state.last_sent = Reference(message.round, check, past.age + 1 if past else 0, held)
    state.key_frame_requested = False
    return data


def decode(data: bytes, like: Message, session: Session, sender: str, state: WireState) -> Message:
    """The message in a frame of the same kind and shape as `like`, the receiver's own of this
    round; `state` then hold it.

    Older rounds are read too: later frames may need them. Raises WireError, and leaves `state` as
    they were.
    """
    kind, distance, lost, t, check = _header(data, session, sender)
    if kind != (session.codec.kind if isinstance(like, Posteriors) else WEIGHTS):
        raise WireError(
            f"{sender}: a frame of kind {kind}, expected {type(like).__name__} as "
            f"{session.codec.name}; "
            "all peers must run the same algorithm and codec"
        )
    if t > like.round:
        raise WireError(f"{sender}: round {t}, expected {like.round}")
    if len(data) > HEADER.size + lost + _most(like):
        raise WireError(
            f"{sender}: {len(data)} bytes, more than any frame of this session: another model, "
            "seed set or number of classes"
        )
    past = state.last_read.get(sender) if distance else None
    if distance and (past is None or past.round != t - distance):
        raise Unreadable(
            f"{sender}: says what changed since its round {t - distance}, which was not heard; "
            "it is asked for a key frame"
        )
    if check != _check(data, session, past.check if past else 0):
        raise (Unreadable if past else WireError)(
            f"{sender}: damaged on its way, or changes of something else than was heard"
        )
    body = data[HEADER.size + lost :]
    try:
        if isinstance(like, Weights):
            return _weights(body, like, t)
        probs, held = session.codec.decode(body, like.probs.shape, past.held if past else None)
    except WireError as error:
        raise WireError(f"{sender}: {error}") from error
    state.last_read[sender] = Reference(t, check, past.age + 1 if past else 0, held)
    state.unreadable.discard(sender)
    asks = _short(state.me) in data[HEADER.size : HEADER.size + lost]
    # Else it asked before it could hear my key frame.
    if asks and not (state.last_sent and state.last_sent.age == 0 and state.last_sent.round == t):
        state.key_frame_requested = True
    return Posteriors(t, probs)


def _most(like: Message) -> int:
    """Bytes of the largest body: no codec needs more than float32."""
    values = (
        like.probs.size
        if isinstance(like, Posteriors)
        else 1 + sum(a.size for a in like.arrays.values())
    )
    return 4 * values + 64


def is_key(data: bytes) -> bool:
    """Whether a frame can be read alone."""
    return len(data) >= HEADER.size and HEADER.unpack_from(data)[3] == 0


def _header(data: bytes, session: Session, sender: str) -> tuple[int, int, int, int, int]:
    """Kind, distance, how many are lost, round and check."""
    if len(data) < HEADER.size:
        raise WireError(f"{sender}: {len(data)} bytes, shorter than a header")
    magic, version, kind, distance, lost, theirs, t, check = HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise WireError(
            f"{sender}: not a frame of version {VERSION} of this wire format; all peers must run "
            "the same release"
        )
    if theirs != session.id[:2]:
        raise WireError(
            f"{sender}: speaks about another seed set or in another codec (session "
            f"{theirs.hex()}, mine is "
            f"{session.id[:2].hex()}); compare digests and codecs"
        )
    return kind, distance, lost, t, check


def _frame(
    kind: int, distance: int, lost: bytes, session: Session, t: int, before: int, body: bytes
) -> tuple[bytes, int]:
    unchecked = (
        HEADER.pack(MAGIC, VERSION, kind, distance, len(lost), session.id[:2], t, 0) + lost + body
    )
    check = _check(unchecked, session, before)
    return unchecked[:12] + struct.pack("<I", check) + unchecked[16:], check


def _check(data: bytes, session: Session, before: int) -> int:
    """CRC-32 over session, the check of the frame that this one is against, and the frame itself
    without its check.
    """
    return zlib.crc32(data[16:], zlib.crc32(session.id + struct.pack("<I", before) + data[:12]))


def _short(name: str) -> int:
    """A byte that stands for a name; if two share it, one of them sends a key frame too many."""
    return zlib.crc32(name.encode()) & 0xFF


def _weights(body: bytes, like: Weights, t: int) -> Weights:
    check_size(body, 4 + 4 * sum(a.size for a in like.arrays.values()))
    (rows,) = struct.unpack_from("<I", body)
    flat = np.frombuffer(body, "<f4", offset=4).astype(np.float32)
    if not rows or not np.isfinite(flat).all():
        raise WireError("NaN, infinity or no rows behind its weights; its training has diverged")
    arrays, at = {}, 0
    for k in sorted(like.arrays):
        a = like.arrays[k]
        arrays[k] = flat[at : at + a.size].reshape(a.shape)
        at += a.size
    return Weights(t, rows, arrays)
