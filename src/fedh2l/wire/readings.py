"""What is in the frames of one round, found out once for all receivers that hold the same."""

from collections.abc import Hashable

from fedh2l.message import Message, Posteriors
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import Reading, read_frame
from fedh2l.wire.header import Session
from fedh2l.wire.state import Reference


class Readings:
    """A frame that several peers receive is decoded for the first of them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # By frame, author, the form that is expected and the identity of the earlier frame, which
        # is kept beside the reading, so that no other object takes its identity.
        self._read: dict[Hashable, tuple[Reading | WireError, Reference | None]] = {}

    def of(
        self,
        frame: bytes,
        expected: Message,
        form: Hashable,
        sender: str,
        held: Reference | None,
    ) -> Reading | WireError:
        """What is in a frame, or why it is refused; `form`: that of the message expected."""
        key = (frame, sender, form, id(held))
        if key not in self._read:
            try:
                reading = read_frame(frame, expected, self._session, sender, held)
            except WireError as error:
                reading = type(error)(str(error))  # without the traceback, which holds arrays
            self._read[key] = reading, held
        return self._read[key][0]


def form_of(message: Message) -> Hashable:
    """All that a frame is held against in the receiver's own message."""
    if isinstance(message, Posteriors):
        return message.kind, message.round, message.shape
    layout = tuple(sorted((name, array.shape) for name, array in message.arrays.items()))
    return message.kind, message.round, layout
