"""Messages as frames, and the door through which strangers come in: everything is checked before
anything is allocated.

A frame is a 16-byte header and a body (docs/wire.md). It is a key frame, which can be read alone,
or it says what has changed since an earlier frame of the same author, which it names. Sizes never
come from a frame: the receiver knows them, because its own message of the round has the same shape.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from fedh2l.message import Message, Posteriors, Weights
from fedh2l.wire.codec import Codec, WireError
from fedh2l.wire.state import Reference, WireState
from fedh2l.wire.weights import pack_weights, unpack_weights

HEADER = struct.Struct("<2sBBBB2sII")  # magic, version, kind, distance, lost, session, round, check
MAGIC, VERSION, WEIGHTS = b"H2", 1, 0
KEY_EVERY = 32  # an author's frames from one key frame to the next, at the most
FARTHEST = 255  # rounds from a frame to the one that it names
MOST_UNREADABLE = 255  # authors that a frame can name as unreadable, with a byte each


class Unreadable(WireError):
    """It names an earlier frame that this receiver does not hold: it asks for a key frame."""


@dataclass(frozen=True)
class Session:
    """What all peers have agreed on before the first frame."""

    codec: Codec
    seed_set: str  # its digest

    @cached_property
    def id(self) -> bytes:
        """8 bytes: two in every header, all of them in its check."""
        return sha256(f"fedh2l {VERSION} {self.codec.name} {self.seed_set}".encode()).digest()[:8]


def encode(message: Message, session: Session, state: WireState) -> bytes:
    """The frame that carries this message to everybody; `state` is then the author's after it."""
    if isinstance(message, Weights):
        header = _Header(WEIGHTS, 0, 0, message.round)
        return _seal(header, b"", pack_weights(message), session, before=0)[0]

    reference = _reference(message, state)
    body, codec_state = session.codec.encode(
        message.probs, reference.codec_state if reference else None, message.rounds_left
    )
    # An author that finds its own byte in this list sends a key frame.
    unreadable = bytes(sorted({_short(name) for name in state.unreadable}))[:MOST_UNREADABLE]
    distance = message.round - reference.round if reference else 0
    header = _Header(session.codec.kind, distance, len(unreadable), message.round)
    before = reference.check if reference else 0
    frame, check = _seal(header, unreadable, body, session, before=before)

    age = reference.age + 1 if reference else 0
    state.last_sent = Reference(message.round, check, age, codec_state)
    state.key_frame_requested = False
    return frame


def decode(
    frame: bytes, expected: Message, session: Session, sender: str, state: WireState
) -> Message:
    """The message in a frame of the same kind and shape as `expected`, the receiver's own of this
    round; `state` then holds it.

    Older rounds are read too: later frames may need them. Raises WireError, and leaves `state` as
    it was.
    """
    header = _checked_header(frame, expected, session, sender)
    reference = _held_reference(header, sender, state)
    if header.check != _check(frame, session, reference.check if reference else 0):
        refusal = Unreadable if reference else WireError
        raise refusal(f"{sender}: damaged on its way, or changes of something else than was heard")

    body = frame[HEADER.size + header.unreadable :]
    try:
        if isinstance(expected, Weights):
            return unpack_weights(body, expected, header.round)
        codec_state = reference.codec_state if reference else None
        probs, codec_state = session.codec.decode(body, expected.probs.shape, codec_state)
    except WireError as error:
        raise WireError(f"{sender}: {error}") from error

    age = reference.age + 1 if reference else 0
    state.last_read[sender] = Reference(header.round, header.check, age, codec_state)
    state.unreadable.discard(sender)
    unreadable = frame[HEADER.size : HEADER.size + header.unreadable]
    if _short(state.me) in unreadable and not _sent_key_frame(state, header.round):
        state.key_frame_requested = True
    return Posteriors(header.round, probs)


def _sent_key_frame(state: WireState, t: int) -> bool:
    """Whether this peer's key frame of round t has crossed a request for one on its way."""
    last = state.last_sent
    return last is not None and last.age == 0 and last.round == t


def largest_frame(values: int, unreadable: int = MOST_UNREADABLE) -> int:
    """Bytes of the largest frame that says so many numbers: no codec needs more than float32."""
    return HEADER.size + unreadable + 4 * values + 64


def is_key(frame: bytes) -> bool:
    """Whether a frame can be read alone."""
    return len(frame) >= HEADER.size and HEADER.unpack_from(frame)[3] == 0


class _Header(NamedTuple):
    kind: int
    distance: int  # rounds back to the frame that this one says the changes of; 0: a key frame
    unreadable: int  # how many authors this author cannot read: a byte each follows the header
    round: int
    check: int = 0  # until the frame is sealed


def _reference(message: Posteriors, state: WireState) -> Reference | None:
    """The frame that the next one says the changes of; None where it must be a key frame."""
    last = state.last_sent
    if last is None:
        return None
    must_be_key = (
        # The rows are others than before, or a receiver lost the thread.
        message.fresh
        or state.key_frame_requested
        # The codec holds nothing, or the thread has grown long.
        or not last.codec_state
        or last.age + 1 >= KEY_EVERY
        # The header has one byte for the distance.
        or not 0 < message.round - last.round <= FARTHEST
    )
    return None if must_be_key else last


def _checked_header(frame: bytes, expected: Message, session: Session, sender: str) -> _Header:
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
    return _Header(kind, distance, unreadable, t, check=check)


def _held_reference(header: _Header, sender: str, state: WireState) -> Reference | None:
    """The earlier frame that this one says the changes of; None: it is a key frame.

    Raises Unreadable where this receiver does not hold that earlier frame.
    """
    if not header.distance:
        return None
    reference = state.last_read.get(sender)
    if reference is None or reference.round != header.round - header.distance:
        raise Unreadable(
            f"{sender}: says what changed since its round {header.round - header.distance}, which "
            "was not heard; it is asked for a key frame"
        )
    return reference


def _seal(
    header: _Header, unreadable: bytes, body: bytes, session: Session, *, before: int
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
    check = _check(unchecked, session, before)
    return unchecked[:12] + struct.pack("<I", check) + unchecked[16:], check


def _check(frame: bytes, session: Session, before: int) -> int:
    """CRC-32 over the session, the check of the frame that this one is against (`before`), and the
    frame itself without its check.
    """
    return zlib.crc32(frame[16:], zlib.crc32(session.id + struct.pack("<I", before) + frame[:12]))


def _short(name: str) -> int:
    """A byte that stands for a name; if two share it, one of them sends a key frame too many."""
    return zlib.crc32(name.encode()) & 0xFF
