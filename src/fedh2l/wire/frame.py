"""Messages as frames, and the door through which strangers come in: everything is checked before
anything is allocated.

A frame is a 16-byte header and a body (docs/wire.md). It is a key frame, which can be read alone,
or it says what has changed since an earlier frame of the same author, which it names. Sizes never
come from a frame: the receiver knows them, because its own message of the round has the same shape.
"""

import zlib
from typing import NamedTuple

from fedh2l.message import Message, Posteriors, Weights
from fedh2l.wire.codec import WireError
from fedh2l.wire.header import (
    HEADER,
    MOST_UNREADABLE,
    WEIGHTS,
    Header,
    Session,
    check_of,
    checked_header,
    seal,
)
from fedh2l.wire.state import Reference, WireState
from fedh2l.wire.weights import pack_weights, unpack_weights

FARTHEST = 255  # rounds from a frame to the one that it names


class Unreadable(WireError):
    """It names an earlier frame that this receiver does not hold: it asks for a key frame."""


def encode(message: Message, session: Session, state: WireState) -> bytes:
    """The frame that carries this message to everybody; `state` is then the author's after it."""
    if isinstance(message, Weights):
        header = Header(WEIGHTS, 0, 0, message.round)
        return seal(header, b"", pack_weights(message), session, before=0)[0]

    reference = _reference(message, session, state)
    body, codec_state = session.codec.encode(
        message.probs, reference.codec_state if reference else None, message.rounds_left
    )
    # An author that finds its own byte in this list sends a key frame.
    unreadable = bytes(sorted({_short(name) for name in state.unreadable}))[:MOST_UNREADABLE]
    distance = message.round - reference.round if reference else 0
    header = Header(session.codec.kind, distance, len(unreadable), message.round)
    before = reference.check if reference else 0
    frame, check = seal(header, unreadable, body, session, before=before)

    age = reference.age + 1 if reference else 0
    state.last_sent = Reference(message.round, check, age, codec_state)
    state.key_frame_requested = False
    return frame


class Reading(NamedTuple):
    """What is in a frame: the same for all receivers that hold the frame it says the changes of."""

    message: Message
    reference: Reference | None  # to be held for its author's next frame; weights leave none
    unreadable: bytes  # authors that its author cannot read, a byte each


def decode(
    frame: bytes, expected: Message, session: Session, sender: str, state: WireState
) -> Message:
    """The message in a frame of the same kind and shape as `expected`, the receiver's own of this
    round; `state` then holds it.

    Older rounds are read too: later frames may need them. Raises WireError, and leaves `state` as
    it was.
    """
    reading = read_frame(frame, expected, session, sender, state.last_read.get(sender))
    accept(reading, sender, state)
    return reading.message


def read_frame(
    frame: bytes, expected: Message, session: Session, sender: str, held: Reference | None
) -> Reading:
    """What is in a frame, for a receiver that says `expected` itself and holds this earlier frame.

    Raises WireError.
    """
    header = checked_header(frame, expected, session, sender)
    reference = _needed_reference(header, sender, held)
    if header.check != check_of(frame, session, reference.check if reference else 0):
        refusal = Unreadable if reference else WireError
        raise refusal(f"{sender}: damaged on its way, or changes of something else than was heard")

    unreadable = frame[HEADER.size : HEADER.size + header.unreadable]
    body = frame[HEADER.size + header.unreadable :]
    try:
        if isinstance(expected, Weights):
            return Reading(unpack_weights(body, expected, header.round), None, b"")
        codec_state = reference.codec_state if reference else None
        probs, codec_state = session.codec.decode(body, expected.probs.shape, codec_state)
    except WireError as error:
        raise WireError(f"{sender}: {error}") from error

    age = reference.age + 1 if reference else 0
    read = Reference(header.round, header.check, age, codec_state)
    return Reading(Posteriors(header.round, probs), read, unreadable)


def accept(reading: Reading, sender: str, state: WireState) -> None:
    """Let a receiver hold what it has read, and hear whether its author asks it for a key frame."""
    if reading.reference is not None:
        state.hold(sender, reading.reference)
        hear_request(reading, state)


def hear_request(reading: Reading, state: WireState) -> None:
    """Whether a frame's author asks this receiver, among others, for a key frame."""
    if not reading.unreadable or _short(state.me) not in reading.unreadable:
        return
    if not _sent_key_frame(state, reading.message.round):
        state.key_frame_requested = True


def _sent_key_frame(state: WireState, t: int) -> bool:
    """Whether this peer's key frame of round t has crossed a request for one on its way."""
    last = state.last_sent
    return last is not None and last.age == 0 and last.round == t


def is_key(frame: bytes) -> bool:
    """Whether a frame can be read alone."""
    return len(frame) >= HEADER.size and HEADER.unpack_from(frame)[3] == 0


def _reference(message: Posteriors, session: Session, state: WireState) -> Reference | None:
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
        or last.age + 1 >= session.key_every
        # The header has one byte for the distance.
        or not 0 < message.round - last.round <= FARTHEST
    )
    return None if must_be_key else last


def _needed_reference(header: Header, sender: str, held: Reference | None) -> Reference | None:
    """The earlier frame that this one says the changes of; None: it is a key frame.

    Raises Unreadable where the receiver holds another one, or none.
    """
    if not header.distance:
        return None
    if held is None or held.round != header.round - header.distance:
        raise Unreadable(
            f"{sender}: says what changed since its round {header.round - header.distance}, which "
            "was not heard; it is asked for a key frame"
        )
    return held


def _short(name: str) -> int:
    """A byte that stands for a name; if two share it, one of them sends a key frame too many."""
    return zlib.crc32(name.encode()) & 0xFF
