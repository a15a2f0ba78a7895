"""From the frames that arrived at the peers hosted here in a round to the messages that each can
believe, and what became of the others.

A frame that several peers receive is decoded once for all that hold the same earlier frame of its
author. Where all peers hear all others, and have read the same so far, all of it is read once.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from fedh2l.distill import total_variation
from fedh2l.message import Message, Posteriors
from fedh2l.others import Others
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import Reading, Unreadable, accept, hear_request
from fedh2l.wire.header import Session
from fedh2l.wire.readings import Readings, form_of
from fedh2l.wire.state import WireState
from fedh2l.wire.together import Groups

LAST_ROUND = 2**32 - 1  # that a frame can name


class Apart(Mapping[str, float]):
    """How far a peer's posteriors are from those of each sender, measured when it is asked for."""

    def __init__(self, own: Message, inbox: Mapping[str, Message]) -> None:
        self._own, self._inbox = own, inbox

    def __getitem__(self, sender: str) -> float:
        message = self._inbox[sender]
        if not isinstance(message, Posteriors) or not isinstance(self._own, Posteriors):
            raise KeyError(sender)
        return total_variation(message.probs, self._own.probs)

    def __iter__(self) -> Iterator[str]:
        if not isinstance(self._own, Posteriors):
            return iter(())
        return (name for name, m in self._inbox.items() if isinstance(m, Posteriors))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class Report(NamedTuple):
    """The fate of the frames to one peer in a round, by sender: the fields of `loop.Round`."""

    sizes: Mapping[str, int]
    missing: tuple[str, ...]
    refused: Mapping[str, str]
    apart: Mapping[str, float]


class Reader:
    """Reads one round's inboxes of the peers hosted here, whose ends of the wire are `states`.

    Without a `barrier` a message may be of any round.
    """

    def __init__(self, session: Session, states: Sequence[WireState], *, barrier: bool) -> None:
        self._readings, self._barrier = Readings(session), barrier
        self._groups = Groups(self._readings, states)

    def read(
        self,
        own_message: Message | None,
        frames_by_sender: Mapping[str, Sequence[bytes]],
        state: WireState,
    ) -> tuple[Mapping[str, Message], Report]:
        """The messages that a peer can believe, by sender, and what became of all frames.

        `own_message` is the peer's own of this round: a sender's must be of its kind and shape.
        """
        # A peer that says nothing does not know which kind and shape to expect.
        if own_message is None:
            return {}, Report({}, (), {}, {})
        together = None
        if self._barrier:
            together = self._groups.read(own_message, frames_by_sender, state)
        if together is None:
            return self._read_each(own_message, frames_by_sender, state)

        state.last_read = Others(together.references, state.me)
        for author, reading in together.asking.items():
            if author != state.me:
                hear_request(reading, state)
        inbox = Others(together.heard, state.me)
        missing = tuple(name for name in together.missing if name != state.me)
        sizes = Others(together.sizes, state.me)
        return inbox, Report(sizes, missing, {}, Apart(own_message, inbox))

    def _read_each(
        self,
        own_message: Message,
        frames_by_sender: Mapping[str, Sequence[bytes]],
        state: WireState,
    ) -> tuple[dict[str, Message], Report]:
        inbox: dict[str, Message] = {}
        sizes: dict[str, int] = {}
        refused: dict[str, str] = {}
        missing = tuple(sorted(s for s, frames in frames_by_sender.items() if not frames))
        expected = own_message if self._barrier else replace(own_message, round=LAST_ROUND)
        form = form_of(expected)
        # Sorted by sender: float sums must not depend on the order of arrival.
        for sender, frames in sorted(frames_by_sender.items()):
            if frames:
                sizes[sender] = sum(map(len, frames))
            try:
                message = self._newest(frames, expected, form, sender, state)
            except WireError as error:
                refused[sender] = str(error)
                continue
            # All the frames that arrived may be of earlier rounds.
            if message is not None and (message.round == own_message.round or not self._barrier):
                inbox[sender] = message
        return inbox, Report(sizes, missing, refused, Apart(own_message, inbox))

    def _newest(
        self,
        frames: Sequence[bytes],
        expected: Message,
        form: Hashable,
        sender: str,
        state: WireState,
    ) -> Message | None:
        """The sender's last message; earlier frames are read because later ones are coded against
        them.
        """
        newest = None
        for frame in frames:
            reading = self._readings.of(frame, expected, form, sender, state.last_read.get(sender))
            if isinstance(reading, Unreadable):
                state.unreadable.add(sender)
            if isinstance(reading, Reading):
                accept(reading, sender, state)
                newest = reading.message
            # After an unreadable frame a key frame may come; after the last one none does.
            elif not isinstance(reading, Unreadable) or frame is frames[-1]:
                raise type(reading)(str(reading))
        return newest
