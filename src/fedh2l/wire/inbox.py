"""From the frames that arrived at a peer in a round to the messages that it can believe, and what
became of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from fedh2l.distill import total_variation
from fedh2l.message import Message, Posteriors
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import Session, Unreadable, decode
from fedh2l.wire.state import WireState

LAST_ROUND = 2**32 - 1  # that a frame can name


class Report(NamedTuple):
    """The fate of the frames to one peer in a round, by sender: the fields of `loop.Round`."""

    sizes: dict[str, int]
    missing: tuple[str, ...]
    refused: dict[str, str]
    apart: dict[str, float]


def read_inbox(
    own_message: Message | None,
    frames_by_sender: Mapping[str, Sequence[bytes]],
    session: Session,
    state: WireState,
    barrier: bool,
) -> tuple[dict[str, Message], Report]:
    """The messages that a peer can believe, by sender, and what became of all frames.

    `own_message` is the peer's own of this round: a sender's must be of its kind and shape. Without
    a `barrier` a message may be of any round.
    """
    # A peer that says nothing does not know which kind and shape to expect.
    if own_message is None:
        return {}, Report({}, (), {}, {})

    inbox: dict[str, Message] = {}
    missing = tuple(sorted(s for s, frames in frames_by_sender.items() if not frames))
    report = Report({}, missing, {}, {})
    # Sorted by sender: float sums must not depend on the order of arrival.
    for sender, frames in sorted(frames_by_sender.items()):
        if frames:
            report.sizes[sender] = sum(map(len, frames))
        try:
            message = _newest(frames, own_message, session, sender, state, barrier)
        except WireError as error:
            report.refused[sender] = str(error)
            continue
        # All the frames that arrived may be of earlier rounds.
        if message is None:
            continue
        inbox[sender] = message
        if isinstance(message, Posteriors) and isinstance(own_message, Posteriors):
            report.apart[sender] = total_variation(message.probs, own_message.probs)
    return inbox, report


def _newest(
    frames: Sequence[bytes],
    own_message: Message,
    session: Session,
    sender: str,
    state: WireState,
    barrier: bool,
) -> Message | None:
    """The sender's message of this round, or without a barrier its newest one.

    Earlier frames are read because later ones are coded against them.
    """
    newest = None
    expected = own_message if barrier else replace(own_message, round=LAST_ROUND)
    for frame in frames:
        try:
            message = decode(frame, expected, session, sender, state)
        except Unreadable:
            state.unreadable.add(sender)
            # A later frame may be a key frame; after the last one there is none.
            if frame is frames[-1]:
                raise
            continue
        is_due = message.round == own_message.round or not barrier
        newest = message if is_due else None
    return newest
