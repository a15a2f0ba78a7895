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
    """What became of the frames to one peer in a round, by sender: the fields of `loop.Round`."""

    sizes: dict[str, int]
    missing: tuple[str, ...]
    refused: dict[str, str]
    apart: dict[str, float]


def read_inbox(
    said: Message | None,
    arrived: Mapping[str, Sequence[bytes]],
    session: Session,
    state: WireState,
    barrier: bool,
) -> tuple[dict[str, Message], Report]:
    """The messages that a peer can believe, by sender, and what became of all frames.

    `said` is the peer's own message of this round: theirs must be of its kind and shape. Without a
    `barrier` a message may be of any round.
    """
    # A peer that says nothing has nothing to compare with.
    if said is None:
        return {}, Report({}, (), {}, {})

    inbox: dict[str, Message] = {}
    missing = tuple(sorted(sender for sender in arrived if not arrived[sender]))
    report = Report({}, missing, {}, {})
    # Sorted by sender: float sums must not depend on the order of arrival.
    for sender, frames in sorted(arrived.items()):
        if frames:
            report.sizes[sender] = sum(map(len, frames))
        try:
            message = _newest(frames, said, session, sender, state, barrier)
        except WireError as error:
            report.refused[sender] = str(error)
            continue
        # Of the frames that came, none need be of this round.
        if message is None:
            continue
        inbox[sender] = message
        if isinstance(message, Posteriors) and isinstance(said, Posteriors):
            report.apart[sender] = total_variation(message.probs, said.probs)
    return inbox, report


def _newest(
    frames: Sequence[bytes],
    said: Message,
    session: Session,
    sender: str,
    state: WireState,
    barrier: bool,
) -> Message | None:
    """What the sender says in this round, or its newest message without a barrier.

    Earlier frames are read for the sake of later ones.
    """
    newest = None
    expected = said if barrier else replace(said, round=LAST_ROUND)
    for frame in frames:
        try:
            message = decode(frame, expected, session, sender, state)
        except Unreadable:
            state.unreadable.add(sender)
            # A later frame may be a key frame; after the last one there is none.
            if frame is frames[-1]:
                raise
            continue
        newest = message if message.round == said.round or not barrier else None
    return newest
